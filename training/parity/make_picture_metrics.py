"""Reference numbers of scikit-image for the picture metrics of packages/bench/, on two pictures that a formula makes.

    pip install scikit-image
    python training/parity/make_picture_metrics.py > tests/fixtures/parity/picture-metrics.json
"""

import json

import numpy as np
import skimage
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

WIDTH, HEIGHT = 37, 29

y, x, k = np.mgrid[0:HEIGHT, 0:WIDTH, 0:3]
a = ((3 * x + 5 * y + 40 * k + (x * y) % 17) % 256).astype(np.uint8)
b = np.clip(a.astype(int) + (7 * x + 11 * y + 13 * k) % 31 - 15, 0, 255).astype(np.uint8)
inside = (x[..., 0] - 18) ** 2 + (y[..., 0] - 14) ** 2 < 64

score, full = structural_similarity(
    a,
    b,
    channel_axis=2,
    data_range=255,
    gaussian_weights=True,
    sigma=1.5,
    use_sample_covariance=False,
    full=True,
)


def measure(where, ssim):
    first, second = a[where].astype(float) / 255, b[where].astype(float) / 255
    return {
        "l1": float(np.abs(first - second).mean()),
        "l2": float(mean_squared_error(first, second)),
        "psnr": float(peak_signal_noise_ratio(first, second, data_range=1)),
        "ssim": ssim,
    }


everywhere = np.ones_like(inside)
print(
    json.dumps(
        {
            "scikit-image": skimage.__version__,
            "width": WIDTH,
            "height": HEIGHT,
            "whole": measure(everywhere, float(score)),
            "inside": measure(inside, float(full[inside].mean())),
            "outside": measure(~inside, float(full[~inside].mean())),
        },
        indent=2,
    )
)
