"""Train what reads people's own words: `python train_reader.py WORDNET --minutes 20`, on text alone.

The denoiser is given the checkpoint's phrase for what was read, so neither its text encoder nor any picture changes. The reader starts from three layers of a sentence
encoder that knows English (reader_start.py); word pieces learn slowly, so that words which training never shows stay near those which it does. A head at the mean of its
tokens tells the kind of edit with its fields, or `unsupported`, or `compound`. What is kept is the moving average of the weights. A run of `--piece` minutes is resumed by the next.
"""

import argparse
import copy
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import BertModel

from common import EMA, OUT, RUNS, Budget, Log, autocast, cosine, save_state
from words_check import SPLIT, Reader, encode, labels_of, parts_of, read, tokenizer_of
from words_corpus import KINDS, Corpus

LISTS = ("development", "development-2")


def batches(corpus, size, r, many=16):
    """Batches of (text, label) of like length each, so that little is padding."""
    while True:
        drawn = sorted((corpus.draw() for _ in range(size * many)), key=lambda x: len(x[0]))
        cut = [drawn[i : i + size] for i in range(0, len(drawn), size)]
        r.shuffle(cut)
        yield from cut


def loss_of(logits, y, smoothing=0.0):
    """Of the kind and of each field that is asked about."""
    return sum(F.cross_entropy(o, y[:, i], ignore_index=-1, label_smoothing=smoothing if i == 0 else 0.0) for i, o in enumerate(logits.split(SPLIT, 1)))


@torch.no_grad()
def judged(tokenizer, net, rows):
    """How many of a list are read as they are meant, and the loss on them."""
    reader = Reader(tokenizer, net["text"], net["head"].weight, net["head"].bias)
    shares = " ".join(f"{part} {sum(flags)}/{len(flags)}" for part, flags in parts_of(rows, reader).items())
    loss = loss_of(net["head"](encode(tokenizer, net["text"], [x["text"] for x in rows])), torch.tensor([labels_of(x) for x in rows]))
    return f"{shares} loss {loss:.4f}"


def save(folder, net, tokenizer, bias):
    (folder / "reader").mkdir(parents=True, exist_ok=True)
    copy.deepcopy(net["text"]).half().save_pretrained(folder / "reader")
    path = folder / "reader/model.safetensors"
    head = {f"head.{k}": v.clone() for k, v in net["head"].state_dict().items()}
    head["head.bias"][KINDS.index("unsupported")] += bias
    save_file({**load_file(path), **{k: v.half() for k, v in head.items()}}, path)
    path.chmod(0o644)
    (folder / "reader/vocab.txt").write_text("".join(p + "\n" for p in sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)), encoding="utf-8")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("wordnet")
    a.add_argument("--start", type=Path, default=RUNS / "reader-start")
    a.add_argument("--out", type=Path, default=OUT)
    a.add_argument("--minutes", type=float, default=20)
    a.add_argument("--piece", type=float, help="stop after this long, and go on with the next call")
    a.add_argument("--batch", type=int, default=128)
    a.add_argument("--lr", type=float, default=3e-4)
    a.add_argument("--pieces", type=float, default=0.1, help="the learning rate of word pieces, as a part of that of the layers")
    a.add_argument("--head", type=float, default=5.0, help="that of the head")
    a.add_argument("--average", type=float, default=0.998)
    a.add_argument("--bias", type=float, default=0.5, help="added to the logit of \"unsupported\" in what is kept: chosen on the two lists (words_check.py --threshold)")
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--name", default="reader")
    a.add_argument("--threads", type=int, default=2)
    args = a.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    tokenizer = tokenizer_of(args.start / "vocab.txt")
    text = BertModel.from_pretrained(args.start, add_pooling_layer=False, dtype=torch.float32)
    net = torch.nn.ModuleDict({"text": text, "head": torch.nn.Linear(text.config.hidden_size, sum(SPLIT))})
    words = text.embeddings.word_embeddings.weight
    words.requires_grad_(args.pieces > 0)
    groups = [
        {"params": [words], "scale": args.pieces, "weight_decay": 0.0},
        {"params": [p for p in text.parameters() if p is not words], "scale": 1.0},
        {"params": list(net["head"].parameters()), "scale": args.head},
    ]
    opt = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.02)
    average = EMA(net, args.average)
    state_path, step, spent = RUNS / f"{args.name}.pt", 0, 0.0
    if state_path.exists():
        state = torch.load(state_path, weights_only=False)
        net.load_state_dict(state["net"]), opt.load_state_dict(state["opt"])
        average.shadow, average.n = state["average"], state["step"]
        step, spent = state["step"], state["spent"]
    RUNS.mkdir(parents=True, exist_ok=True)
    budget, r = Budget(args.minutes, spent), random.Random(args.seed + step)
    corpus, pause = Corpus(args.wordnet, 1000 + args.seed + step), spent + 60 * (args.piece or args.minutes)
    log = Log(args.name, ["step", "seconds", "loss", "lr", *LISTS])
    lists = {name: read(Path(__file__).parent / f"words/{name}.txt") for name in LISTS}
    mean, sums, n = copy.deepcopy(net).eval(), 0.0, 0
    for drawn in batches(corpus, args.batch, r):
        lr = cosine(budget.fraction, args.lr, warm=0.03, floor=0.01)
        for g in opt.param_groups:
            g["lr"] = lr * g["scale"]
        net.train()
        with autocast():
            read_of = encode(tokenizer, text, [t for t, _ in drawn])
        loss = loss_of(net["head"](read_of.float()), torch.tensor([y for _, y in drawn]), 0.02)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        average.update(net)
        step, sums, n = step + 1, sums + loss.item(), n + 1
        budget.tick()
        ends = budget.fraction >= 1 or budget.spent >= pause
        if step % 200 == 0 or ends:
            mean.load_state_dict(average.shadow)
            log.write(step=step, seconds=round(budget.spent), loss=round(sums / n, 4), lr=round(lr, 6), **{name: judged(tokenizer, mean, rows) for name, rows in lists.items()})
            sums, n = 0.0, 0
        if ends:
            save_state(state_path, net=net.state_dict(), opt=opt.state_dict(), average=average.shadow, step=step, spent=budget.spent)
            save(args.out, mean, tokenizer, args.bias)
            break


if __name__ == "__main__":
    main()
