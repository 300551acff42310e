"""Classical denoisers, tuned by PSNR on training slices. No command of its own.

Images are in the unit of the window, the third axis is the slice. Noise is a standard deviation in that unit: strengths
are multiples of it, so that they carry over to slices and scans of other noise.
"""

import functools
import importlib.metadata
import inspect
import itertools
import warnings

import numpy
from dipy.denoise.nlmeans import nlmeans
from scipy.ndimage import gaussian_filter
from skimage.restoration import cycle_spin, denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

import volumes

VERSIONS = {name: importlib.metadata.version(name) for name in ("scikit-image", "dipy", "PyWavelets", "scipy", "numpy")}


def non_local_means(image, noise, h, sigma, patch, distance):
    return denoise_nl_means(image, h=h * noise, sigma=sigma * noise, patch_size=patch, patch_distance=distance,
                            fast_mode=True)


def non_local_means_3d(stack, noise, sigma, block, kind, rician):
    # dipy averages squares, as for magnitudes: far from zero that is the same as averaging values.
    offset = 0 if rician else 10
    return nlmeans(stack.astype(numpy.float64) + offset, sigma=numpy.full(stack.shape, sigma * noise), patch_radius=1,
                   block_radius=block, rician=rician, num_threads=1, method=kind) - offset


def total_variation(image, noise, weight):
    return denoise_tv_chambolle(image, weight=weight * noise, max_num_iter=100)


def wavelets(image, noise, sigma, wavelet):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about levels of small images
        # Averaged over shifts: without them the transform's grid shows, and half a decibel or more is lost.
        return cycle_spin(image, func=denoise_wavelet, max_shifts=2, workers=1,
                          func_kw={"sigma": sigma * noise, "wavelet": wavelet, "mode": "soft", "method": "BayesShrink",
                                   "rescale_sigma": False})


def blur(image, noise, width):
    return gaussian_filter(image, width)


def corrected(image, noise, bias):
    """Magnitudes are too bright by the noise: `bias` variances are taken from their squares."""
    return numpy.sqrt(numpy.maximum(numpy.square(image.clip(0)) - bias * numpy.square(noise), 0))


def around(best, name, factors):
    return [{**best, name: best[name] * factor} for factor in factors]


class Method:
    """A denoiser and the rounds of its search; each round is a grid around the best of the round before."""

    def __init__(self, name, function, rounds, three_dimensional=(False,)):
        self.name, self.function, self.rounds, self.dimensions = name, function, rounds, three_dimensional

    def source(self):
        """What makes the result, for the key under which it is kept."""
        return [inspect.getsource(part) for part in (self.function, apply, corrected)] + [VERSIONS]


def methods(rician, quick):
    fine = (0.75, 0.85, 1, 1.18, 1.35)
    found = [
        Method("non-local means", non_local_means, [
            lambda _: [{"h": h, "sigma": s, "patch": 5, "distance": 6}
                       for h, s in itertools.product((0.3, 0.5, 0.7, 0.9, 1.2), (0, 0.5, 1))],
            lambda best: [{**best, "patch": p, "distance": d} for p in (3, 5, 7) for d in (4, 6, 9, 13)],
            lambda best: around(best, "h", fine)]),
        Method("total variation", total_variation, [
            lambda _: [{"weight": w} for w in (0.3, 0.5, 0.8, 1.2, 1.8, 2.7, 4)],
            lambda best: around(best, "weight", fine)], (False, True)),
        Method("wavelets", wavelets, [
            lambda _: [{"sigma": s, "wavelet": w} for s in (0.5, 0.8, 1.2, 1.8) for w in ("db2", "sym4", "bior2.2")],
            lambda best: around(best, "sigma", fine)]),
        Method("Gaussian blur", blur, [
            lambda _: [{"width": b} for b in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2)]], (False, True)),
        Method("non-local means 3D", non_local_means_3d, [
            lambda _: [{"sigma": s, "block": 2, "kind": kind, "rician": rician}
                       for s in (0.4, 0.6, 0.8, 1, 1.3, 1.8) for kind in ("classic", "blockwise")],
            *([] if quick else [lambda best: [{**best, "block": b} for b in (3, 5)],
                                lambda best: around(best, "sigma", (0.85, 1, 1.18))])], (True,)),
    ]
    if rician:
        for method in found[:-1]:  # the last one corrects by itself
            again = method.rounds[-1] if method.function is not blur else None
            method.rounds += [lambda best: [{**best, "bias": b} for b in (0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5)]]
            method.rounds += [again] if again else []
    return found


def apply(function, stack, noise, parameters, run=map):
    """The stack denoised, slice by slice or as a whole; `noise` has a value per slice, `run` maps as `map` does."""
    rest = {key: value for key, value in parameters.items() if key not in ("bias", "3D")}
    if parameters["3D"]:
        out = function(stack, float(numpy.mean(noise)), **rest)
    else:
        images = [numpy.ascontiguousarray(stack[:, :, k]) for k in range(stack.shape[2])]
        out = numpy.stack(list(run(functools.partial(function, **rest), images, noise)), axis=2)
    return corrected(out, noise, parameters["bias"]) if parameters.get("bias") else out


def centre(values, size=256):
    cuts = []
    for extent in values.shape[:2]:
        start = max(0, (extent - size) // 2)
        cuts.append(slice(start, start + size))
    return values[tuple(cuts)]


def noise_of(stack, truth, known):
    """Per slice: what is known, or else the input's error in the middle, where a CT has no air around the body.

    That takes a look at the truth, which helps the baselines: an estimate from the image alone misjudges streaks.
    """
    if known is not None:
        return [known] * stack.shape[2]
    error = centre(stack).clip(0, 1) - centre(truth)
    return [float(value) for value in numpy.sqrt(numpy.mean(numpy.square(error), axis=(0, 1)))]


def score(function, parameters, pair):
    """PSNR on every other inner slice of a stack."""
    stack, truth, noise = pair
    chosen = list(range(1, stack.shape[2] - 1, 2))
    if parameters["3D"]:
        out = apply(function, stack, noise, parameters)[:, :, chosen]
    else:
        out = apply(function, stack[:, :, chosen], [noise[k] for k in chosen], parameters)
    return volumes.psnr(out, truth[:, :, chosen])


def tune(method, pairs, pool):
    """The best parameters for (input, truth, noise) in the unit of the window."""
    best = None
    for three_dimensional in method.dimensions:
        own = None
        for candidates in method.rounds:
            grid = [{**one, "3D": three_dimensional} for one in candidates(own and own[0])]
            waiting = [[pool.submit(score, method.function, one, pair) for pair in pairs] for one in grid]
            for one, futures in zip(grid, waiting):
                value = float(numpy.mean([future.result() for future in futures]))
                if own is None or value > own[1]:
                    own = one, value
        if best is None or own[1] > best[1]:
            best = own
    return {"parameters": best[0], "tuningPSNR": best[1]}


class Denoisers:
    """Tunes on training slices of the scan and level that a case says, and denoises the case."""

    def __init__(self, workshop, preparation, pool):
        self.workshop, self.preparation, self.pool = workshop, preparation, pool

    def pairs(self, case):
        """Inputs cut to the centre, truths, noise; and the digests of what they are of."""
        scan = next(other for one, other in case.task.scans if one == case.scan)
        found, keys = [], []
        for tuning in self.preparation.tuning_cases(case.task, scan, case.level):
            stack = centre(volumes.to_unit(volumes.read(tuning.input), tuning.window, volumes.MARGIN))
            truth = centre(volumes.to_unit(volumes.read(tuning.truth), tuning.window))
            found.append([stack, truth, noise_of(stack, truth, tuning.noise)])
            keys += [self.workshop.digest(tuning.input), self.workshop.digest(tuning.truth)]
        return found, keys

    def outputs(self, case):
        """(method, parameters, output) one after the other."""
        pairs, keys = self.pairs(case)
        stack = volumes.to_unit(volumes.read(case.input), case.window, volumes.MARGIN)
        noise = noise_of(stack, volumes.to_unit(volumes.read(case.truth), case.window), case.noise)
        for method in methods(case.task.rician, self.preparation.quick):
            made_of = ["tuned", method.source(), *map(inspect.getsource, (tune, score, methods)), keys,
                       [pair[2] for pair in pairs], self.preparation.quick, case.task.rician]
            tuned = self.workshop.record(f"{method.name}-tuning", made_of, lambda: tune(method, pairs, self.pool))
            parameters = tuned["parameters"]

            def compute():
                out = apply(method.function, stack, noise, parameters, self.pool.map)
                return volumes.from_unit(out, case.window), case.input
            output = self.workshop.timed_volume(
                f"{case.name}-{method.name}",
                [method.source(), parameters, noise, case.window, self.workshop.digest(case.input)], compute)
            yield method.name, {**parameters, "noise": float(numpy.mean(noise))}, output
