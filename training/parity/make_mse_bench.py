"""Writes a miniature of MSE-Bench as the hub stores it: parquet by the datasets library, pictures within.

    python -m venv .venv && .venv/bin/pip install datasets==5.2.0 pillow==13.0.0
    .venv/bin/python make_mse_bench.py

It needs nothing of the other scripts. The features are those of leigangqu/MSE-Bench.
"""

from pathlib import Path

from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Picture

OUT = Path(__file__).resolve().parents[2] / "tests/fixtures/datasets/mse-bench/data"


def scene(hue: int, width: int = 24, height: int = 16) -> Picture.Image:
    picture = Picture.new("RGB", (width, height))
    picture.putdata([(8 * x, 12 * y, hue) for y in range(height) for x in range(width)])
    return picture


ROWS = [
    {
        "image": scene(40),
        "context": ["Replace the hat with a red one.", "Make it snow.", "Turn the snowman to the right."],
        "description_source": "A snowman with a hat.",
        "description_target": ["A snowman in a red hat.", "A snowman in the snow.", "A snowman that looks right."],
        "index": 0,
        "operation": ["object_replace", "background_replace", "orientation"],
        "summary": "A merrier snowman.",
    },
    {
        "image": scene(200, 32, 24),
        "context": ["Add a lamp, with a “warm” light.", "Remove the cup."],
        "description_source": "A desk.",
        "description_target": ["A desk with a lamp.", "A desk with a lamp and no cup."],
        "index": 17,
        "operation": ["add", "remove"],
        "summary": "A tidier desk.",
    },
]
FEATURES = Features(
    {
        "image": Image(),
        "context": List(Value("string")),
        "description_source": Value("string"),
        "description_target": List(Value("string")),
        "index": Value("int64"),
        "operation": List(Value("string")),
        "summary": Value("string"),
    }
)

OUT.mkdir(parents=True, exist_ok=True)
Dataset.from_list(ROWS, features=FEATURES).to_parquet(str(OUT / "train-00000-of-00001.parquet"))
Dataset.from_list([{"source_img": "x", "instruction": "y"}]).to_parquet(str(OUT.parent / "other.parquet"))
