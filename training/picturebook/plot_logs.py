"""The training logs of the shipped weights as one picture, models/picturebook/training/loss.svg: `python plot_logs.py`."""

import csv

import matplotlib
import numpy as np

from common import OUT

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "picturebook", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
import matplotlib.pyplot as plt  # noqa: E402 (after the backend is chosen)

LOGS = OUT / "training"


def columns(path, *names):
    with open(path, newline="") as f:
        rows = [r for r in csv.DictReader(f) if all(r[n] for n in names)]
    return [np.array([float(r[n]) for r in rows]) for n in names]


def runs(x, y):
    """A log in pieces: a new one where the count goes back, because a run was resumed from an earlier state or begun again."""
    cuts = np.flatnonzero(np.diff(x) < 0) + 1
    return zip(np.split(x, cuts), np.split(y, cuts))


def main():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    before, ends = 0.0, []
    for path in sorted(LOGS.glob("unet*.csv")):
        samples, loss = columns(path, "samples", "loss")
        for x, y in runs(samples, loss):
            right.plot((before + x) / 1000, y, lw=1.2, color="#1f6feb")
        before += samples[-1]
        ends.append(before)
    for end in ends[:-1]:
        right.axvline(end / 1000, color="0.7", lw=0.8, ls=":")
    right.set(xlabel="thousand samples (dotted: a new cycle)", ylabel="loss", title="UNet and text encoder", yscale="log")
    right.yaxis.set_major_formatter("{x:.1f}")
    right.yaxis.set_minor_formatter("{x:.1f}")
    shift = 0.0
    for name, colour in (("vae", "#1f6feb"), ("decoder", "#d1690e")):
        seconds, psnr = columns(LOGS / f"{name}.csv", "seconds", "psnr")
        last = 0.0
        for x, y in runs(seconds, psnr):
            if x[0] < last / 2:  # begun again, not resumed: its clock is at zero
                shift += last
            left.plot((shift + x) / 60, y, lw=1.2, color=colour)
            last = x[-1]
        shift += last
        left.annotate({"vae": "all of it", "decoder": "decoder alone"}[name], (shift / 60, y[-1]), xytext=(-4, 6), textcoords="offset points", ha="right", color=colour)
    left.set(xlabel="minutes", ylabel="held-out PSNR, dB", title="Autoencoder")
    figure.savefig(LOGS / "loss.svg", metadata={"Date": None}, transparent=False)
    print(LOGS / "loss.svg")


if __name__ == "__main__":
    main()
