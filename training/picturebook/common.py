"""What the training steps share: a run folder, resumable state, an EMA, a CSV log and a wall-clock budget."""

import csv
import os
import time
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
RUNS = HERE.parent / "runs"
OUT = HERE.parent.parent / "models" / "picturebook"


def device():
    return "cuda" if torch.cuda.is_available() else "cpu"


def autocast():
    # bf16 trebles the speed of CPUs that have avx512_bf16; normalisations stay in fp32.
    return torch.autocast(device(), dtype=torch.bfloat16)


class EMA:
    def __init__(self, model, decay):
        self.decay, self.n = decay, 0
        self.shadow = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model):
        self.n += 1
        d = min(self.decay, (1 + self.n) / (20 + self.n))
        for k, v in model.state_dict().items():
            if v.dtype.is_floating_point:
                self.shadow[k].lerp_(v, 1 - d)
            else:
                self.shadow[k].copy_(v)


class Log:
    def __init__(self, name, fields):
        RUNS.mkdir(parents=True, exist_ok=True)
        self.path, self.fields = RUNS / f"{name}.csv", fields
        if not self.path.exists():
            with open(self.path, "w", newline="") as f:
                csv.writer(f).writerow(fields)

    def write(self, **row):
        with open(self.path, "a", newline="") as f:
            csv.writer(f).writerow([row.get(k, "") for k in self.fields])
        print(" ".join(f"{k}={v}" for k, v in row.items()), flush=True)


class Budget:
    """Wall-clock seconds of this run plus those of the runs it resumes; time while suspended does not count."""

    def __init__(self, minutes, spent=0.0):
        self.total, self.spent, self.last = minutes * 60.0, spent, time.monotonic()

    def tick(self):
        now = time.monotonic()
        self.spent += min(now - self.last, 30.0)
        self.last = now
        return self.spent

    @property
    def fraction(self):
        return min(1.0, self.spent / self.total)


def save_state(path, **state):
    tmp = f"{path}.tmp"
    torch.save(state, tmp)
    os.replace(tmp, path)


def cosine(fraction, peak, warm=0.02, floor=0.02):
    import math

    if fraction < warm:
        return peak * (0.05 + 0.95 * fraction / warm)
    k = (fraction - warm) / (1 - warm)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * k)))
