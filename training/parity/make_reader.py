"""What transformers makes of texts with the shipped checkpoint's reader: token ids, and its last layer where a text ends, as tests/fixtures/reader.json.
`python make_reader.py`, again after every training of it."""

import json
from pathlib import Path

import torch
from transformers import CLIPTextModel, CLIPTokenizer

ROOT = Path(__file__).resolve().parents[2]
READER = ROOT / "models/picturebook/reader"
TEXTS = ["make it winter", "Paint the ROOF blue, please!", "café façade — naïve? 20:30 🎈", "", "snow", "a pterodactyl on the left of the house", " ".join(["fog and"] * 40)]


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    tokenizer, text = CLIPTokenizer.from_pretrained(READER), CLIPTextModel.from_pretrained(READER, dtype=torch.float32).eval()
    ids = tokenizer(TEXTS, padding="max_length", truncation=True, return_tensors="pt").input_ids
    last = (ids == tokenizer.eos_token_id).int().argmax(1)
    read = text(ids).last_hidden_state[torch.arange(len(ids)), last]
    rows = [{"text": t, "ids": i, "read": [round(v, 5) for v in r]} for t, i, r in zip(TEXTS, ids.tolist(), read.tolist())]
    (ROOT / "tests/fixtures/reader.json").write_text(json.dumps(rows) + "\n")


if __name__ == "__main__":
    main()
