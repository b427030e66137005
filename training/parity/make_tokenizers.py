"""tests/fixtures/tokenizers/cases.json: folders of tokenizer files, drawn at random, and what transformers' CLIPTokenizer
makes of them. Every case is a folder whose files may contradict each other; the ids say which of them counts.

    python training/parity/make_tokenizers.py
"""
import json
import logging
import random
import tempfile
from pathlib import Path

import transformers
from transformers import CLIPTokenizer

OUT = Path(__file__).parents[2] / "tests/fixtures/tokenizers/cases.json"
START, END = "<|startoftext|>", "<|endoftext|>"
LETTERS = ["!", *"abcdefghijklmnopqrstuvwxyz<>-"]
MERGES = ["c a", "ca t</w>", "m y", "my -", "s t</w>", "a b"]


def vocabulary():
    pieces = [*LETTERS, *(f"{c}</w>" for c in LETTERS), *("".join(m.split(" ")) for m in MERGES), START, END]
    return {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}


VOCAB = vocabulary()
TEXTS = [
    "",
    "cat my-cat! a !!",
    "a <my-style> b<MY-STYLE>c  <my-style>",
    "<pad> <|endoftext|> <|STARTOFTEXT|> x",
    "Style My-Style my-style <new>   z",
]


def token(rng, content):
    """As a text, or as an object with some of its keys."""
    if rng.random() < 0.5:
        return content
    keys = {"content": content}
    for key in ("lstrip", "normalized", "rstrip", "single_word"):
        if rng.random() < 0.8:
            keys[key] = rng.random() < 0.4 if key != "single_word" else False
    return keys


def as_saved(value):
    """tokenizer_config.json marks its objects; transformers does not take others for tokens there."""
    return {"__type": "AddedToken", **value} if isinstance(value, dict) else value


def named(rng, chance):
    result = {}
    for key, choices in {
        "bos_token": [START],
        "eos_token": [END],
        "unk_token": [END],
        "pad_token": ["!", END, "<pad>"],
    }.items():
        if rng.random() < chance:
            result[key] = token(rng, rng.choice(choices))
    return result


def draw(rng):
    files = {}
    config = {key: as_saved(value) for key, value in named(rng, 0.6).items()}
    config["model_max_length"] = rng.choice([77, 16, 12])
    if rng.random() < 0.3:
        config["additional_special_tokens"] = rng.sample(["<new>", "my-cat"], rng.randint(1, 2))
    new = rng.sample(["<my-style>", "My-Style", "<new>", "<pad>"], rng.randint(0, 3))
    if rng.random() < 0.35:
        decoder = {}
        for content in [START, END, *rng.sample(["!"], rng.randint(0, 1))]:
            decoder[str(VOCAB[content])] = content
        for i, content in enumerate(new):
            decoder[str(len(VOCAB) + i)] = content
        config["added_tokens_decoder"] = {
            i: {**(t if isinstance(t := token(rng, content), dict) else {"content": t}), "special": rng.random() < 0.5}
            for i, content in decoder.items()
        }
    files["tokenizer_config.json"] = config
    if rng.random() < 0.6:
        files["special_tokens_map.json"] = named(rng, 0.7)
    if new and rng.random() < 0.6:
        files["added_tokens.json"] = {content: len(VOCAB) + i for i, content in enumerate(new)}
    if rng.random() < 0.3:
        added = [(VOCAB[START], START), (VOCAB[END], END)]
        if rng.random() < 0.5:
            added += [(len(VOCAB) + i, content) for i, content in enumerate(new)]
        files["tokenizer.json"] = whole(rng, added)
    if rng.random() < 0.1:
        del files["tokenizer_config.json"]
    return files


def whole(rng, added):
    tokens = []
    for i, content in added:
        t = token(rng, content)
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": rng.random() < 0.6}
        tokens.append({"id": i, **flags, **(t if isinstance(t, dict) else {"content": t})})
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": tokens,
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": {"type": "BPE", "unk_token": END, "end_of_word_suffix": "</w>", "vocab": VOCAB, "merges": MERGES},
    }


def expected(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_text(json.dumps(content))
        (Path(folder) / "vocab.json").write_text(json.dumps(VOCAB))
        (Path(folder) / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n")
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        length = min(tokenizer.model_max_length, 77)
        ids = [
            tokenizer(text, padding="max_length", max_length=length, truncation=True).input_ids for text in TEXTS
        ]
        return {"size": len(tokenizer), "end": tokenizer.eos_token_id, "ids": ids}


def main():
    transformers.logging.set_verbosity(logging.CRITICAL)
    rng = random.Random(13)
    cases = []
    while len(cases) < 120:
        files = draw(rng)
        cases.append({"files": files, **expected(files)})
    shared = {"vocab": VOCAB, "merges": MERGES, "texts": TEXTS}
    # The same vocabulary in every tokenizer.json: written once.
    for case in cases:
        if "tokenizer.json" in case["files"]:
            case["files"]["tokenizer.json"]["model"]["vocab"] = "vocab"
            case["files"]["tokenizer.json"]["model"]["merges"] = "merges"
    OUT.parent.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join(json.dumps(case) for case in cases)
    head = json.dumps({"madeWith": {"transformers": transformers.__version__}, **shared})
    OUT.write_text(f'{head[:-1]}, "cases": [\n{rows}\n]}}\n')
    print(len(cases), OUT.stat().st_size)


main()
