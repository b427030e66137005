"""What the reader makes of a list of requests, without pictures: `python words_check.py words/development.txt [--model FOLDER] [--show]`.

A request counts where the reader acts as told: an edit of the right kind with the right fields; a refusal for what cannot be done; "compound" for two at once.
The rule is that of src/networks/stable-diffusion/understanding.ts, without its look at the picture.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import BertModel, BertTokenizer, CLIPTextModel, CLIPTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from common import OUT
from words_corpus import COL, KINDS, SIDES, TREES, VEHICLES, label

FIELD = {"c": COL, "s": SIDES, "k": TREES, "v": VEHICLES}
SHORT = {"pine": "pine tree", "round": "round tree"}
# The logits: one a kind, then for each field "none" and its values.
SPLIT = [len(KINDS), *(1 + len(values) for values in FIELD.values())]
# The longest text that is read whole, in word pieces.
LENGTH, CLIP_LENGTH = 48, 32


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


class Reader(NamedTuple):
    tokenizer: PreTrainedTokenizerBase
    text: PreTrainedModel
    weight: torch.Tensor
    bias: torch.Tensor


def tokenizer_of(path):
    return BertTokenizer(vocab={piece: i for i, piece in enumerate(Path(path).read_text(encoding="utf-8").splitlines())})


def tokens_of(tokenizer, texts):
    """(ids [n, length], which of them the text is read at [n, length])"""
    if isinstance(tokenizer, CLIPTokenizer):
        ids = tokenizer(texts, padding="max_length", max_length=CLIP_LENGTH, truncation=True, return_tensors="pt").input_ids
        return ids, F.one_hot((ids == tokenizer.eos_token_id).int().argmax(1), CLIP_LENGTH)
    told = tokenizer(texts, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
    return told.input_ids, told.attention_mask


def encode(tokenizer, text, texts):
    """What is read of texts, [n, width]: the last token of a CLIPTextModel, which is causal, or the mean of a BertModel's."""
    ids, read = tokens_of(tokenizer, texts)
    hidden = text(ids) if isinstance(tokenizer, CLIPTokenizer) else text(input_ids=ids, attention_mask=read)
    return (hidden.last_hidden_state.float() * read.unsqueeze(-1)).sum(1) / read.sum(1, keepdim=True)


def load(folder):
    """The reader in folder/reader, whatever it is."""
    folder = folder / "reader"
    known = load_file(folder / "model.safetensors")
    if (folder / "vocab.txt").exists():
        tokenizer, text = tokenizer_of(folder / "vocab.txt"), BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32)
    else:
        tokenizer, text = CLIPTokenizer.from_pretrained(folder), CLIPTextModel.from_pretrained(folder, dtype=torch.float32)
    return Reader(tokenizer, text.eval(), known["head.weight"].float(), known["head.bias"].float())


@torch.no_grad()
def judge(reader, texts, threshold=0.0):
    """[(verdict, fields)] of texts; the verdict is a kind, "unsupported" or "compound"."""
    out, told = [], (encode(reader.tokenizer, reader.text, texts) @ reader.weight.T + reader.bias).split(SPLIT, 1)
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


def labels_of(row):
    """A request's label as words_corpus.py writes it; a field that the list does not state is not asked about."""
    stated = label(row["kind"], row["fields"])
    return [stated[0], *(place or -1 for place in stated[1:])]


def right(row, verdict, fields):
    return verdict == row["kind"] and all(fields.get(k) == v for k, v in row["fields"].items())


def parts_of(rows, reader, threshold=0.0, show=False):
    """{part: [whether each was taken as meant]}, and under "refused" which edits were refused"""
    parts = {"single": [], "refused": [], "unsupported": [], "compound": []}
    for row, (verdict, fields) in zip(rows, judge(reader, [x["text"] for x in rows], threshold)):
        ok = right(row, verdict, fields)
        part = row["kind"] if row["kind"] in ("unsupported", "compound") else "single"
        parts[part].append(ok)
        if part == "single" and row["kind"] != "noop":
            parts["refused"].append(verdict in ("unsupported", "compound"))
        if show and not ok:
            print(f"  {row['person']}: {row['text']!r} is {row['kind']} {row['fields']}, taken for {verdict} {fields}")
    return {part: flags for part, flags in parts.items() if flags}


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
    for part, flags in parts_of(read(args.file), load(args.model), args.threshold, args.show).items():
        print(f"{part:12}", wilson(sum(flags), len(flags)))


if __name__ == "__main__":
    main()
