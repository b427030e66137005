"""Numbers that torch.randn draws on a CPU, into tests/fixtures/parity/noise.json. Needs a machine with AVX2 or AVX-512.

    python make_noise.py

Of each draw: its first and last values in full, and the sum of all values' bits modulo 2^32, so that every bit counts.
"""
import json
import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "parity" / "noise.json"
SEEDS = [0, 1, 42, 1234, 2**31 - 1, 2**32 - 1, 2**32 + 7, 2**63 - 1, -1, 123456789012345678]
# Draws one after the other from one generator: both paths of torch, their tails, and the normal kept between small draws.
SEQUENCES = [[16], [17], [31], [32], [1], [7], [15], [3, 3], [15, 4, 100, 5, 1, 20], [1, 16, 1], [1000, 4097], [16384]]


def main() -> None:
    capability = torch.backends.cpu.get_cpu_capability()
    if capability not in ("AVX2", "AVX512"):
        raise SystemExit(f"torch runs with {capability} here, whose last places differ")
    cases = []
    for seed in SEEDS:
        for sizes in SEQUENCES:
            generator = torch.Generator("cpu").manual_seed(seed)
            draws = [torch.randn(n, generator=generator).numpy() for n in sizes]
            cases.append({
                "seed": str(seed),
                "draws": [
                    {"size": n, "first": d[:3].tolist(), "last": d[-3:].tolist(),
                     "bits": int(d.view(np.uint32).sum(dtype=np.uint64) % 2**32)}
                    for n, d in zip(sizes, draws)
                ],
            })
    OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
