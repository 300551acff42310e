"""Writes metrics.json: PSNR and SSIM of two images by scikit-image, for MetricTests.swift.

Run: python3 make_metrics.py (needs numpy and scikit-image). The images come from integer arithmetic, so that
the Swift tests make the same ones.
"""

import json
import pathlib

import numpy
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

ROWS, COLUMNS = 64, 48


def image(seed):
    state, values = seed, []
    for i in range(ROWS * COLUMNS):
        state = (state * 1664525 + 1013904223) % 2**32
        row, column = divmod(i, COLUMNS)
        values.append(120 + 3 * (row // 8) - 2 * (column // 6) + (state >> 24) / 4)
    return numpy.array(values, dtype=numpy.float64).reshape(ROWS, COLUMNS)


x, y = image(1), image(2)
smooth = (x + y) / 2
pairs = {"independent": (x, y), "half": (smooth, y), "constant": (numpy.full_like(y, 128.0), y)}
result = {
    name: {
        "psnr": peak_signal_noise_ratio(b, a, data_range=255),
        "ssim": structural_similarity(a, b, data_range=255),
    }
    for name, (a, b) in pairs.items()
}
target = pathlib.Path(__file__).with_name("metrics.json")
target.write_text(json.dumps(result, indent=2) + "\n")
