"""What the reader makes of a list of requests, without pictures: `python words_check.py words/development.txt [--model FOLDER] [--show]`.

A request counts where the reader acts as told: an edit of the right kind with the right fields; a refusal for what cannot be done; "compound" for two at once.
The rule is that of src/networks/stable-diffusion/understanding.ts, without its look at the picture.
"""

import argparse
import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

from common import OUT
from tokenizer import LENGTH
from train_words import SPLIT
from words_corpus import COL, KINDS, SIDES, TREES, VEHICLES

FIELD = {"c": COL, "s": SIDES, "k": TREES, "v": VEHICLES}
SHORT = {"pine": "pine tree", "round": "round tree"}


def edit(text):
    """"roof c=blue" → (kind, fields)"""
    kind, *rest = text.split()
    return kind, {k: SHORT.get(v, v) for k, v in (x.split("=") for x in rest)}


def read(path):
    """[{person, kind, fields, text, steps}]: one request a line, `person | kind fields | text`; of two at once the steps after a semicolon."""
    rows = []
    for line in Path(path).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            person, what, text = (x.strip() for x in line.split("|", 2))
            text, _, steps = text.partition(" ; ") if what == "compound" else (text, "", "")
            kind, fields = edit(what)
            rows.append({"person": person, "kind": kind, "fields": fields, "text": text.strip(), "steps": [edit(x) for x in steps.split("|") if x.strip()]})
    return rows


def load(folder):
    folder = folder / "reader"
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    text = CLIPTextModel.from_pretrained(folder, dtype=torch.float32).eval()
    known = load_file(folder / "model.safetensors")
    return tokenizer, text, known["head.weight"].float(), known["head.bias"].float()


@torch.no_grad()
def judge(model, texts, threshold=0.0):
    """[(verdict, fields)] of texts; the verdict is a kind, "unsupported" or "compound"."""
    tokenizer, text, weight, bias = model
    ids = tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt").input_ids
    last = (ids == tokenizer.eos_token_id).int().argmax(1)
    hidden = text(ids).last_hidden_state[torch.arange(len(ids)), last]
    out, told = [], (hidden @ weight.T + bias).split(SPLIT, 1)
    kinds = told[0].log_softmax(1)
    for i, p in enumerate(kinds):
        edits, best = p[:-2], int(p[:-2].argmax())
        if p[-1] > p[-2] and p[-1] > edits[best]:
            out.append(("compound", {}))
        elif edits.logsumexp(0) - p[-2] > threshold:
            at = [int(o[i].argmax()) - 1 for o in told[1:]]
            out.append((KINDS[best], {x: FIELD[x][j] for x, j in zip("cskv", at) if j >= 0}))
        else:
            out.append(("unsupported", {}))
    return out


def right(row, verdict, fields):
    return verdict == row["kind"] and all(fields.get(k) == v for k, v in row["fields"].items())


def wilson(k, n, z=1.96):
    p = k / n
    centre, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return f"{100 * p:.1f} % [{100 * (centre - half) / (1 + z * z / n):.0f}, {100 * (centre + half) / (1 + z * z / n):.0f}], n = {n}"


def main():
    a = argparse.ArgumentParser()
    a.add_argument("file", type=Path)
    a.add_argument("--model", type=Path, default=OUT)
    a.add_argument("--threshold", type=float, default=0.0)
    a.add_argument("--show", action="store_true", help="print each request that was not taken as meant")
    args = a.parse_args()
    torch.set_num_threads(1)
    rows, model = read(args.file), load(args.model)
    told = judge(model, [x["text"] for x in rows], args.threshold)
    parts = {"single": [], "refused": [], "unsupported": [], "compound": []}
    for row, (verdict, fields) in zip(rows, told):
        ok = right(row, verdict, fields)
        part = row["kind"] if row["kind"] in ("unsupported", "compound") else "single"
        parts[part].append(ok)
        if part == "single" and row["kind"] != "noop":
            parts["refused"].append(verdict in ("unsupported", "compound"))
        if args.show and not ok:
            print(f"  {row['person']}: {row['text']!r} is {row['kind']} {row['fields']}, taken for {verdict} {fields}")
    for part, flags in parts.items():
        if flags:
            print(f"{part:12}", wilson(sum(flags), len(flags)))


if __name__ == "__main__":
    main()
