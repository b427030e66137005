"""Makes tiny checkpoints of the networks that score pictures, with what transformers answers. See README.md.

    python make_scorers.py                         the committed ones, into tests/fixtures/scorers
    python make_scorers.py --only clip             one of them
    python make_scorers.py --random 7 --out DIR    one random configuration of each kind, into DIR/KIND-7

Pictures are preprocessed by transformers' processors on Pillow, which is what published scores were computed with: across first, then
down. Pillow 13 goes down first where the height shrinks much more than the width, a difference of a few levels here and there; it is
told to do as its predecessors did.
"""
import argparse
import json
import pathlib
import shutil

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    BertTokenizer, BlipConfig, BlipForImageTextRetrieval, CLIPConfig, CLIPModel, CLIPTokenizer, Dinov2Config, Dinov2Model, ViTConfig, ViTModel,
)
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from references import PROMPTS, TEXTS, picture
from scorer_configurations import COMMITTED, KINDS, draw
from vocabulary import write_bert_tokenizer, write_tokenizer
from weights import randomise
from wild import edit_json

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "scorers"
CAPTIONS = [p for p in PROMPTS if p] + ["naïve café, straße", "a"]
# Height and width: larger and smaller than what the networks see, upright and lying, one that needs no resizing of its shorter side.
PICTURES = [(70, 113), (97, 41), (20, 27)]
PROCESSORS = {"clip": CLIPImageProcessorPil, "blip": BlipImageProcessorPil, "vit": ViTImageProcessorPil, "dinov2": BitImageProcessorPil}

WHOLE_RESIZE = Image.Image.resize


def across_then_down(self: Image.Image, size, *args, **more) -> Image.Image:
    return WHOLE_RESIZE(WHOLE_RESIZE(self, (size[0], self.height), *args, **more), size, *args, **more)


def build(kind: str, spec: dict, folder: pathlib.Path):
    if kind == "clip":
        size = write_tokenizer(folder, spec["pad_token"])
        if spec["tokenizer"] == "json":
            CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)
            for name in ("vocab.json", "merges.txt", "special_tokens_map.json"):
                (folder / name).unlink()
        ids = {"bos_token_id": size - 2, "eos_token_id": size - 1, "pad_token_id": 0 if spec["pad_token"] == "!" else size - 1}
        text = {"vocab_size": size, "max_position_embeddings": 77, **ids, **spec["text"]}
        model = CLIPModel(CLIPConfig(projection_dim=spec["projection"], text_config=text, vision_config=spec["vision"]))
    elif kind == "blip":
        size = write_bert_tokenizer(folder, whole=spec["tokenizer"] == "json")
        text = {"vocab_size": size, "max_position_embeddings": 96, "bos_token_id": size - 2, "sep_token_id": 3, **spec["text"]}
        model = BlipForImageTextRetrieval(
            BlipConfig(image_text_hidden_size=spec["projection"], text_config=text, vision_config=spec["vision"])
        )
    elif kind == "vit":
        model = ViTModel(ViTConfig(**spec["vision"]))
    else:
        model = Dinov2Model(Dinov2Config(**spec["vision"]))
    randomise(model.eval(), torch.Generator("cpu").manual_seed(spec["seed"]), alone=0.5)
    model.to(getattr(torch, spec["dtype"])).save_pretrained(folder)
    PROCESSORS[kind](**spec["pictures"]).save_pretrained(folder)
    if spec["style"] == "2022":
        age(kind, folder)
    return type(model).from_pretrained(folder, dtype=torch.float32).eval()


def age(kind: str, folder: pathlib.Path) -> None:
    """As repositories of 2022 look: buffers among the weights, keys of every kind in the configuration, short preprocessing."""
    if kind == "clip":
        buffers = {f"{tower}_model.embeddings.position_ids": torch.arange(n)[None] for tower, n in (("text", 77), ("vision", 17))}
        save_file(load_file(folder / "model.safetensors") | buffers, folder / "model.safetensors", metadata={"format": "pt"})
    old = {"add_cross_attention": False, "bad_words_ids": None, "is_decoder": False, "top_k": 50, "use_bfloat16": False}

    def config(c: dict) -> dict:
        c = {k: v for k, v in c.items() if k != "dtype"} | {"torch_dtype": "float32", "transformers_version": None}
        for tower in ("text", "vision"):
            if kind == "clip":
                # The ids of the first release; everything is said twice, and the second is what counts.
                more = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1} if tower == "text" else {}
                c[f"{tower}_config_dict"] = c[f"{tower}_config"] | old | more | {"dropout": 0.0}
                c[f"{tower}_config"] = c[f"{tower}_config_dict"] | {"num_hidden_layers": 99}
        return c

    edit_json(folder / "config.json", config)
    number = lambda size: size if isinstance(size, int) else size.get("shortest_edge", size.get("height"))
    edit_json(
        folder / "preprocessor_config.json",
        lambda c: {k: number(v) if k in ("size", "crop_size") else v for k, v in c.items() if k not in ("rescale_factor", "do_rescale")},
    )


@torch.no_grad()
def answers(kind: str, model, folder: pathlib.Path, sources: list[Image.Image]) -> dict[str, torch.Tensor]:
    processor = PROCESSORS[kind].from_pretrained(folder)
    pixels = torch.stack([torch.tensor(np.asarray(processor(p).pixel_values[0])) for p in sources]).float()
    kept = {"pixels": pixels}
    if kind == "clip":
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        ids = lambda texts: tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        kept["ids"] = ids(TEXTS).to(torch.int32)
        kept["texts"] = model.get_text_features(ids(CAPTIONS)).pooler_output
        kept["pictures"] = model.get_image_features(pixels).pooler_output
        kept["cosines"] = model(input_ids=ids(CAPTIONS), pixel_values=pixels).logits_per_image / model.logit_scale.exp()
    elif kind == "blip":
        tokenizer = BertTokenizer.from_pretrained(folder)
        all_ids = [tokenizer(t, truncation=True, max_length=96).input_ids for t in TEXTS]
        kept["ids"] = torch.tensor([i + [-1] * (96 - len(i)) for i in all_ids], dtype=torch.int32)  # -1: no token
        one = lambda text, p, head: model(
            input_ids=torch.tensor([tokenizer(text, truncation=True, max_length=96).input_ids]), pixel_values=p[None], use_itm_head=head
        ).itm_score
        kept["match"] = torch.stack([torch.stack([one(t, p, True)[0].softmax(-1)[1] for t in CAPTIONS]) for p in pixels])
        kept["logits"] = torch.stack([torch.stack([one(t, p, True)[0] for t in CAPTIONS]) for p in pixels])
        kept["cosines"] = torch.stack([torch.stack([one(t, p, False)[0, 0] for t in CAPTIONS]) for p in pixels])
    else:
        kept["pictures"] = model(pixels).last_hidden_state[:, 0]
    return {k: v.contiguous() for k, v in kept.items()}


def make(name: str, kind: str, spec: dict, out: pathlib.Path) -> None:
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "checkpoint").mkdir(parents=True)
    model = build(kind, spec, folder / "checkpoint")
    rng = np.random.default_rng(spec["seed"])
    sources = [picture(h, w, rng) for h, w in PICTURES]
    for i, source in enumerate(sources):
        source.save(folder / f"picture-{i}.png")
    tensors = answers(kind, model, folder / "checkpoint", sources)
    bad = [key for key, value in tensors.items() if not torch.isfinite(value).all()]
    if bad:
        raise RuntimeError(f"{name}: not finite: {bad}")
    save_file(tensors, folder / "references.safetensors")
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
    made_with = {m.__name__: m.__version__.split("+")[0] for m in (torch, transformers)}
    described = {"name": name, "kind": kind, "madeWith": made_with, "texts": TEXTS, "captions": CAPTIONS}
    (folder / "references.json").write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{name}: {size / 1e3:.0f} kB,", ", ".join(f"{k} {v.float().std():.3f}" for k, v in tensors.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=COMMITTED, action="append")
    parser.add_argument("--random", type=int, metavar="SEED", action="append")
    parser.add_argument("--out", type=pathlib.Path, default=FIXTURES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    Image.Image.resize = across_then_down
    transformers.utils.logging.set_verbosity_error()
    if options.random:
        if options.out == FIXTURES:
            parser.error("--random needs --out: random configurations are not committed")
        for seed in options.random:
            for kind in KINDS:
                make(f"{kind}-{seed}", kind, draw(kind, seed), options.out)
    else:
        for name in options.only or COMMITTED:
            make(name, *COMMITTED[name], options.out)


if __name__ == "__main__":
    main()
