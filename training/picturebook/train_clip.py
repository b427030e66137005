"""Train picturebook-clip, a CLIPModel for the same world: `python train_clip.py --minutes 12` (resumes by itself).

Scene and caption pairs, the symmetric contrastive loss of CLIP (arXiv 2103.00020), with a scene's own edits in the batch: a red balloon must be
told from the same picture with a yellow one; and once more among the edits of one scene alone, where that is all there is to tell. The text tower begins as the editor's
text encoder, which knows the words. Muon (muon.py) learns in a few hundred steps what AdamW does not in a thousand. Both towers also answer what the scene graph holds (kinds, colours, sides) from small
heads that are thrown away; without them the colours of small things take many times as long to learn.
"""

import argparse
import json
import multiprocessing as mp
import random
import shutil
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from common import EMA, OUT, RUNS, Budget, Log, autocast, cosine, device, save_state
from edits import caption, draw_edit
from muon import Optimizers
from world import COLOURS, render, sample_scene

CLIP_OUT = OUT.parent.parent / "packages" / "bench" / "scorers" / "picturebook-clip"
EDITS, TOKENS = 3, 77
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CONFIG = dict(
    projection_dim=128, logit_scale_init_value=2.6592,
    text_config=dict(hidden_size=192, intermediate_size=768, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=TOKENS,
                     hidden_act="quick_gelu", projection_dim=128),
    vision_config=dict(hidden_size=192, intermediate_size=768, num_hidden_layers=6, num_attention_heads=4, image_size=128, patch_size=16,
                       hidden_act="quick_gelu", projection_dim=128))


def attributes(scene):
    """What the heads are asked: one small integer for each question."""
    colour = lambda thing, key: 1 + list(COLOURS).index(thing[key]) if thing else 0
    tree = lambda t: 0 if t is None else 1 + (t["kind"] == "pine")
    vehicle, balloon = scene["vehicle"], scene["balloon"]
    return [("day", "sunset", "night").index(scene["time"]), ("summer", "autumn", "winter").index(scene["season"]), int(scene["fog"]), int(scene["bw"]),
            colour(scene["house"], "wall"), colour(scene["house"], "roof"), colour(vehicle, "colour"), 0 if not vehicle else 1 + (scene["strip"] == "road"),
            colour(balloon, "colour"), 0 if not balloon else 1 + (balloon["side"] == "left"), tree(scene["trees"]["left"]), tree(scene["trees"]["right"]),
            int(bool(scene["clouds"])), int(scene["flowers"]), int(scene["body"]["kind"] == "sun")]


SIZES = [3, 3, 2, 2, 9, 9, 9, 3, 9, 3, 3, 3, 2, 2, 2]


def family(seed):
    """A scene and three edits of it: pictures, captions, attributes."""
    r, scene = random.Random(seed * 11 + 5), sample_scene(seed)
    scenes = [scene] + [e[2] if (e := draw_edit(scene, r, exclude=("noop",))) else scene for _ in range(EDITS)]
    return np.stack([render(s, ss=2) for s in scenes]), [caption(s) for s in scenes], [attributes(s) for s in scenes]


def load_families(n, first, workers=2):
    path = RUNS / f"families-{first}-{n}"
    if not path.with_suffix(".json").exists():
        RUNS.mkdir(parents=True, exist_ok=True)
        pictures, texts, facts = np.lib.format.open_memmap(path.with_suffix(".npy"), "w+", np.uint8, (n, EDITS + 1, 128, 128, 3)), [], []
        with mp.Pool(workers) as pool:
            for i, (p, t, a) in enumerate(pool.imap(family, range(first, first + n), chunksize=16)):
                pictures[i] = p
                texts.append(t), facts.append(a)
        pictures.flush()
        path.with_suffix(".json").write_text(json.dumps([texts, facts]))
    return np.load(path.with_suffix(".npy"), mmap_mode="r"), *json.loads(path.with_suffix(".json").read_text())


def pixels(pictures):
    """uint8 [n, 128, 128, 3] → normalised [n, 3, 128, 128]"""
    x = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float().to(device()) / 255
    return (x - torch.tensor(MEAN, device=device()).view(1, 3, 1, 1)) / torch.tensor(STD, device=device()).view(1, 3, 1, 1)


class Towers(torch.nn.Module):
    def __init__(self, tokenizer):
        super().__init__()
        text = dict(CONFIG["text_config"], vocab_size=len(tokenizer), bos_token_id=len(tokenizer) - 2, eos_token_id=len(tokenizer) - 1,
                    pad_token_id=len(tokenizer) - 1)
        self.clip = CLIPModel(CLIPConfig(**{**CONFIG, "text_config": text}))
        width = CONFIG["vision_config"]["hidden_size"]
        self.see = torch.nn.Linear(width, sum(SIZES))
        self.read = torch.nn.Linear(width, sum(SIZES))

    def forward(self, images, ids):
        v = self.clip.vision_model(pixel_values=images).pooler_output
        t = self.clip.text_model(input_ids=ids).pooler_output
        return self.clip.visual_projection(v), self.clip.text_projection(t), self.see(v), self.read(t)


def heads_loss(logits, facts):
    return sum(F.cross_entropy(part, facts[:, i]) for i, part in enumerate(logits.split(SIZES, 1))) / len(SIZES)


def among_edits(logits, target):
    """The contrastive loss of each scene's edits among themselves: its own block of the logits."""
    n = EDITS + 1
    blocks = torch.stack([logits[i : i + n, i : i + n] for i in range(0, len(logits), n)]).flatten(0, 1)
    same = torch.stack([target[i : i + n, i : i + n] for i in range(0, len(target), n)]).flatten(0, 1)
    return F.cross_entropy(blocks, same / same.sum(1, keepdim=True))


def begin_with_editor(text_model):
    """The text encoder of picturebook, as far as shapes agree (its positions end at 32 tokens)."""
    known, own = load_file(OUT / "text_encoder" / "model.safetensors"), text_model.state_dict()
    for name, value in known.items():
        name = name.removeprefix("text_model.")
        if name in own and own[name].shape == value.shape:
            own[name].copy_(value)
        elif name in own:
            own[name][: len(value)].copy_(value)


@torch.no_grad()
def ranking(towers, tokens, families):
    """How often the caption of a target scores its picture above the source's; source is the first of a family."""
    pictures, texts, _ = families
    right = total = 0
    for p, t in zip(pictures, texts):
        v = towers.clip.visual_projection(towers.clip.vision_model(pixel_values=pixels(np.array(p))).pooler_output)
        w = towers.clip.text_projection(towers.clip.text_model(input_ids=tokens(t)).pooler_output)
        s = F.normalize(w, dim=-1) @ F.normalize(v, dim=-1).T
        for i in range(1, len(t)):
            if t[i] != t[0]:
                right, total = right + int(s[i, i] > s[i, 0]), total + 1
    return right / total


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--minutes", type=float, default=12)
    a.add_argument("--scenes", type=int, default=5000)
    a.add_argument("--batch", type=int, default=16, help="families of four pictures")
    a.add_argument("--lr", type=float, default=2e-3)
    a.add_argument("--adam-lr", type=float, default=1e-3)
    args = a.parse_args()
    torch.manual_seed(2)
    tokenizer = CLIPTokenizer.from_pretrained(OUT / "tokenizer")
    tokens = lambda texts: torch.tensor(tokenizer(list(texts), padding="max_length", max_length=TOKENS, truncation=True).input_ids, device=device())
    train, test = load_families(args.scenes, 200_000), load_families(100, 1_400_000)
    towers = Towers(tokenizer).to(device())
    print(sum(p.numel() for p in towers.clip.parameters()) / 1e6, "M parameters; longest caption",
          max(len(tokenizer(t).input_ids) for family in train[1][:300] for t in family), "tokens")
    begin_with_editor(towers.clip.text_model)
    opt = Optimizers(towers.named_parameters(), args.lr, args.adam_lr, outer=("embed", "see", "read", "logit_scale"))
    ema, budget, step, state = EMA(towers, 0.995), Budget(args.minutes), 0, RUNS / "clip.pt"
    if state.exists():
        s = torch.load(state, map_location=device(), weights_only=True)
        towers.load_state_dict(s["model"]), opt.load_state_dict(s["opt"])
        ema.shadow, ema.n, step, budget = s["ema"], s["n"], s["step"], Budget(args.minutes, s["spent"])
    all_ids = tokens([t for f in train[1] for t in f]).view(len(train[1]), EDITS + 1, TOKENS)
    facts, rng = torch.tensor(train[2], device=device()), np.random.default_rng(step)
    log = Log("clip", ["step", "seconds", "loss", "heads", "rank", "rate", "device"])
    saved, since, seen = time.monotonic(), time.monotonic(), 0
    while budget.fraction < 1:
        budget.tick()
        pick = rng.integers(len(train[1]), size=args.batch)
        n = args.batch * (EDITS + 1)
        with autocast():
            v, t, see, read = towers(pixels(np.concatenate([train[0][i] for i in pick])), all_ids[pick].reshape(n, TOKENS))
        logits = F.normalize(t.float(), dim=-1) @ F.normalize(v.float(), dim=-1).T * towers.clip.logit_scale.exp().clamp(max=100)
        ids = all_ids[pick].reshape(n, TOKENS)
        same = (ids[:, None] == ids[None]).all(-1)  # equal captions (an edit that could not be drawn) are no negatives of each other
        target = same.float() / same.sum(1, keepdim=True)
        contrast = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        heads = heads_loss(see.float(), facts[pick].reshape(n, -1)) + heads_loss(read.float(), facts[pick].reshape(n, -1))
        loss = contrast + among_edits(logits, target) + heads
        towers.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(towers.parameters(), 1.0)
        opt.step(cosine(budget.fraction, 1.0, warm=0.05))
        ema.update(towers)
        step, seen = step + 1, seen + n
        if step % 60 == 0 or budget.fraction >= 1:
            current = {k: v.clone() for k, v in towers.state_dict().items()}
            towers.load_state_dict(ema.shadow)
            rank = ranking(towers, tokens, test)
            towers.load_state_dict(current)
            log.write(step=step, seconds=round(budget.spent), loss=round(contrast.item(), 4), heads=round(heads.item(), 4), rank=round(rank, 4),
                      rate=round(seen / (time.monotonic() - since), 1), device=device())
            since, seen = time.monotonic(), 0
        if time.monotonic() - saved > 240 or budget.fraction >= 1:
            save_state(state, model=towers.state_dict(), opt=opt.state_dict(), ema=ema.shadow, n=ema.n, step=step, spent=budget.spent)
            saved = time.monotonic()
    towers.load_state_dict(ema.shadow)
    towers.clip.half().save_pretrained(CLIP_OUT)
    (CLIP_OUT / "model.safetensors").chmod(0o644)
    for name in ("vocab.json", "merges.txt", "special_tokens_map.json"):
        shutil.copy(OUT / "tokenizer" / name, CLIP_OUT / name)
    config = json.loads((OUT / "tokenizer" / "tokenizer_config.json").read_text())
    (CLIP_OUT / "tokenizer_config.json").write_text(json.dumps({**config, "model_max_length": TOKENS}, indent=2) + "\n")
    (CLIP_OUT / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "CLIPImageProcessor", "crop_size": {"height": 128, "width": 128}, "size": {"shortest_edge": 128}, "do_center_crop": True,
        "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": MEAN, "image_std": STD, "resample": 3,
        "rescale_factor": 1 / 255}, indent=2) + "\n")


if __name__ == "__main__":
    main()
