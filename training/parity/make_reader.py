"""What transformers makes of texts with the shipped checkpoint's reader: token ids, and what it reads of them, as tests/fixtures/reader.json.
`python make_reader.py [--model FOLDER]`, again after every training of it."""

import argparse
import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training/picturebook"))
from words_check import encode, load, tokens_of  # noqa: E402

TEXTS = ["make it winter", "Paint the ROOF blue, please!", "café façade — naïve? 20:30 🎈", "", "snow", "a pterodactyl on the left of the house", " ".join(["fog and"] * 40)]


@torch.no_grad()
def main():
    a = argparse.ArgumentParser()
    a.add_argument("--model", type=Path, default=ROOT / "models/picturebook")
    a.add_argument("--out", type=Path, default=ROOT / "tests/fixtures/reader.json")
    args = a.parse_args()
    torch.set_num_threads(1)
    reader, rows = load(args.model), []
    for text in TEXTS:
        ids, _ = tokens_of(reader.tokenizer, [text])
        rows.append({"text": text, "ids": ids[0].tolist(), "read": [round(v, 5) for v in encode(reader.tokenizer, reader.text, [text])[0].tolist()]})
    args.out.write_text(json.dumps(rows) + "\n")


if __name__ == "__main__":
    main()
