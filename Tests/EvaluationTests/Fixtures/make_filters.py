"""Writes filters.json: non-local means (scikit-image, fast mode) and Gaussian blur (scipy), for BaselineTests.swift.

Run: python3 make_filters.py (needs numpy, scipy and scikit-image). The image is that of make_metrics.py.
"""

import json
import pathlib

from scipy.ndimage import gaussian_filter
from skimage.restoration import denoise_nl_means

from make_metrics import image

x = image(1)
nlm = denoise_nl_means(x, h=20, sigma=10, patch_size=5, patch_distance=4, fast_mode=True)
blur = gaussian_filter(x, 0.8, mode="mirror", truncate=5)
cut = (slice(20, 44, 4), slice(12, 36, 4))
target = pathlib.Path(__file__).with_name("filters.json")
target.write_text(json.dumps({"nlm": nlm[cut].tolist(), "blur": blur[cut].tolist()}, indent=1) + "\n")
