"""Classical denoisers as the mark to beat: non-local means, total variation and Gaussian blur from scikit-image.

Parameters are chosen by PSNR on a few training slices, for all cases of one level (dose) together, and then measured on
the validation slices. Results and truth are clipped to the window; inputs of the denoisers a tenth of the window beyond
it, because clipped noise has a bias that no averaging removes. PSNR is the mean per slice with the window's width as
data range, SSIM is scikit-image's default on 0...255.

    python3 nlm_baseline.py --case LEVEL CLEAN.nii.gz DEGRADED.nii.gz TRAIN VALIDATION [--case ...] [--json out.json]

TRAIN and VALIDATION are slice ranges along the third stored axis, such as 0-35 and 38-47. Needs numpy, nibabel and
scikit-image.
"""

import argparse
import concurrent.futures
import itertools
import json
import sys
import time

import nibabel
import numpy
from skimage.metrics import structural_similarity
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
from scipy.ndimage import gaussian_filter


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs=5, action="append", required=True,
                        metavar=("LEVEL", "CLEAN", "DEGRADED", "TRAIN", "VALIDATION"))
    parser.add_argument("--window", nargs=2, type=float, default=(-1000, 1000), metavar=("LOW", "HIGH"))
    parser.add_argument("--methods", nargs="+", default=["nlm", "tv", "gaussian"], choices=["nlm", "tv", "gaussian"])
    parser.add_argument("--tuning-slices", type=int, default=4, help="training slices per case (default 4)")
    parser.add_argument("--tuning-size", type=int, default=256, help="central square used for tuning (default 256)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", help="also write the results here")
    return parser.parse_args()


def slice_range(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


class Case:
    """A clean volume and its degraded form, the window scaled to 0...1; slices along the third axis."""

    def __init__(self, fields, window):
        self.level, clean, degraded, train, validation = fields
        self.name = clean.split("/")[-1].removesuffix(".gz").removesuffix(".nii")
        self.train, self.validation = slice_range(train), slice_range(validation)
        if set(self.train) & set(self.validation):
            sys.exit(f"{self.name}: training and validation slices overlap")
        self.clean, self.degraded = self.load(clean, window), self.load(degraded, window, margin=0.1)
        if self.clean.shape != self.degraded.shape:
            sys.exit(f"{self.name}: {self.clean.shape} and {self.degraded.shape} differ")

    @staticmethod
    def load(path, window, margin=0.0):
        low, high = window
        values = numpy.asarray(nibabel.load(path).dataobj, dtype=numpy.float32)
        return numpy.clip((values - low) / (high - low), -margin, 1 + margin)

    def tuning_pairs(self, count, size):
        """Evenly spaced training slices, cut to a central square."""
        chosen = numpy.linspace(self.train[0], self.train[-1], count).round().astype(int)
        rows, columns = self.clean.shape[:2]
        top, left = max(0, (rows - size) // 2), max(0, (columns - size) // 2)
        cut = (slice(top, top + size), slice(left, left + size))
        return [(self.degraded[:, :, z][cut], self.clean[:, :, z][cut]) for z in chosen]

    def validation_pairs(self):
        return [(self.degraded[:, :, z], self.clean[:, :, z]) for z in self.validation]


def denoise(method, image, p):
    if method == "nlm":
        out = denoise_nl_means(image, h=p["h"], sigma=p["sigma"], patch_size=p["patch"], patch_distance=p["distance"],
                               fast_mode=True)
    elif method == "tv":
        out = denoise_tv_chambolle(image, weight=p["weight"], max_num_iter=100)
    else:
        out = gaussian_filter(image, p["blur"])
    return numpy.clip(out, 0, 1)


def candidates(method, noise):
    """Rounds of the search: each is a grid around the best of the round before."""
    if method == "nlm":
        yield lambda best: [
            {"h": h * noise, "sigma": s * noise, "patch": 5, "distance": 6}
            for h, s in itertools.product((0.3, 0.5, 0.7, 0.9, 1.2), (0, 0.5, 1))]
        yield lambda best: [
            {**best, "patch": patch, "distance": distance} for patch in (3, 5, 7) for distance in (4, 6, 9)]
        yield lambda best: [{**best, "h": best["h"] * f} for f in (0.75, 0.85, 0.92, 1, 1.08, 1.18, 1.3)]
    elif method == "tv":
        yield lambda best: [{"weight": f * noise} for f in (0.3, 0.5, 0.8, 1.2, 1.8, 2.7, 4)]
        yield lambda best: [{"weight": best["weight"] * f} for f in (0.75, 0.87, 1, 1.13, 1.3)]
    else:
        yield lambda best: [{"blur": b} for b in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2)]


def psnr(image, truth):
    return -10 * numpy.log10(numpy.mean((image.astype(numpy.float64) - truth) ** 2))


def tune(pool, method, pairs, noise):
    best, best_value = None, -numpy.inf
    for round_ in candidates(method, noise):
        for p in round_(best):
            results = pool.map(denoise, itertools.repeat(method), (x for x, _ in pairs), itertools.repeat(p))
            value = numpy.mean([psnr(out, y) for out, (_, y) in zip(results, pairs)])
            if value > best_value:
                best, best_value = p, value
    return {k: float(v) if isinstance(v, (float, numpy.floating)) else v for k, v in best.items()}


def gradients(image):
    image = image.astype(numpy.float64)
    return image[:-1, 1:] - image[:-1, :-1], image[1:, :-1] - image[:-1, :-1]


def measure(outputs, pairs):
    """The figures of `pellucid evaluate`, by the same definitions."""
    values, similarity, magnitude, own_magnitude, shared, own = [], [], 0, 0, 0, 0
    for out, (_, truth) in zip(outputs, pairs):
        values.append(psnr(out, truth))
        similarity.append(structural_similarity(out.astype(numpy.float64) * 255, truth.astype(numpy.float64) * 255,
                                                data_range=255))
        (gx, gy), (tx, ty) = gradients(out), gradients(truth)
        magnitude += numpy.hypot(gx, gy).mean()
        own_magnitude += numpy.hypot(tx, ty).mean()
        shared += (gx * tx + gy * ty).sum()
        own += (tx * tx + ty * ty).sum()
    return {"psnr": float(numpy.mean(values)), "ssim": float(numpy.mean(similarity)),
            "gradientRatio": float(magnitude / own_magnitude), "edgeRetention": float(shared / own),
            "psnrPerSlice": [float(v) for v in values]}


def main():
    options = arguments()
    cases = [Case(fields, options.window) for fields in options.case]
    rows = []
    print(f"{'level':>8} {'volume':24} {'method':9} {'PSNR':>7} {'gain':>6} {'worst':>6} {'SSIM':>7} "
          f"{'gradient':>8} {'edges':>6}  parameters")
    with concurrent.futures.ProcessPoolExecutor(options.workers) as pool:
        for level in dict.fromkeys(case.level for case in cases):
            group = [case for case in cases if case.level == level]
            tuning = [pair for case in group for pair in case.tuning_pairs(options.tuning_slices, options.tuning_size)]
            noise = float(numpy.sqrt(numpy.mean([numpy.mean((x.clip(0, 1) - y) ** 2) for x, y in tuning])))
            chosen = {method: tune(pool, method, tuning, noise) for method in options.methods}
            for case in group:
                pairs = case.validation_pairs()
                before = None
                for method in ["input"] + options.methods:
                    start = time.monotonic()
                    p = chosen.get(method)
                    outputs = [x.clip(0, 1) for x, _ in pairs] if p is None else list(
                        pool.map(denoise, itertools.repeat(method), (x for x, _ in pairs), itertools.repeat(p)))
                    figures = measure(outputs, pairs)
                    before = before or figures
                    gains = [a - b for a, b in zip(figures["psnrPerSlice"], before["psnrPerSlice"])]
                    row = {"level": level, "volume": case.name, "method": method, "parameters": p, **figures,
                           "psnrGain": float(numpy.mean(gains)), "worstSliceGain": float(min(gains)),
                           "seconds": time.monotonic() - start, "slices": [case.validation[0], case.validation[-1]]}
                    rows.append(row)
                    text = "" if p is None else " ".join(f"{k}={v:.4g}" for k, v in p.items())
                    print(f"{level:>8} {case.name[:24]:24} {method:9} {row['psnr']:7.2f} {row['psnrGain']:6.2f} "
                          f"{row['worstSliceGain']:6.2f} {row['ssim']:7.4f} {row['gradientRatio']:8.3f} "
                          f"{row['edgeRetention']:6.3f}  {text}", flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"window": list(options.window), "rows": rows}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
