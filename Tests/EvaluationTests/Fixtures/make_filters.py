"""Writes filters.json: non-local means by direct summation in numpy and Gaussian blur by scipy, for BaselineTests.swift.

Run: python3 make_filters.py (needs numpy and scipy). The image is that of make_metrics.py. (scikit-image's fast mode
sums 4 x 4 pixels where 5 x 5 are asked for, and drops weights below exp(-5); its slow mode weighs patches with a
Gaussian. So neither is the reference here.)
"""

import json
import pathlib

import numpy
from scipy.ndimage import gaussian_filter

from make_metrics import image


def non_local_means(x, h, sigma, patch, search, row, column):
    margin = patch + search
    padded = numpy.pad(x, margin, mode="reflect")
    row, column = row + margin, column + margin

    def around(i, j):
        return padded[i - patch:i + patch + 1, j - patch:j + patch + 1]

    total = weights = 0
    for dy in range(-search, search + 1):
        for dx in range(-search, search + 1):
            distance = numpy.mean((around(row, column) - around(row + dy, column + dx)) ** 2)
            weight = numpy.exp(-max(0, distance - 2 * sigma**2) / h**2)
            total += weight * padded[row + dy, column + dx]
            weights += weight
    return total / weights


x = image(1)
places = [(0, 0), (0, 25), (3, 47), (20, 12), (33, 30), (47, 5), (63, 47), (60, 20)]
blur = gaussian_filter(x, 0.8, mode="mirror", truncate=5)
result = [
    {"row": i, "column": j, "nlm": non_local_means(x, 20, 10, 2, 4, i, j), "blur": blur[i, j]} for i, j in places
]
target = pathlib.Path(__file__).with_name("filters.json")
target.write_text(json.dumps(result, indent=1) + "\n")
