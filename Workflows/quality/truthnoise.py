"""What of a truth's differences from slice to slice is noise of its own. No command of its own.

A truth that is a scan, or a simulation of one, has noise that no method should give back. How much of the slice difference it
makes up says how far below 1 an output without any noise would lie.
"""

import numpy
from scipy import ndimage

AWAY = 4  # pixels from the object: nearer than that lies what smears out of it
RAYLEIGH_MEDIAN = (2 * numpy.log(2)) ** 0.5  # over σ
RAYLEIGH_VARIANCE = 2 - numpy.pi / 2  # over σ²


def sigma_in_air(truth, inside):
    """σ of both channels, from the magnitudes far from the object; None where the air was cut out."""
    disc = ndimage.generate_binary_structure(2, 1)[:, :, None]  # within the slice
    air = truth[~ndimage.binary_dilation(inside, disc, iterations=AWAY)]
    noisy = air[air > 0]
    return float(numpy.median(noisy) / RAYLEIGH_MEDIAN) if noisy.size > air.size / 4 else None


def own_noise(truth, threshold):
    """σ in the unit of the window, and noise's share of the mean squared difference of neighbouring slices of a magnitude
    image `[x, y, slice]` with white noise: of the whole, and of the voxels in which it shows something twice. None where it
    cannot be told."""
    inside = truth > threshold
    sigma = sigma_in_air(truth, inside)
    if sigma is None:
        return {"sigma": None, "share": None, "objectShare": None}
    # Where the signal is strong the noise is σ², in air it is Rayleigh's. What was cut out has none.
    variance = numpy.where(inside, 1.0, numpy.where(truth > 0, RAYLEIGH_VARIANCE, 0.0)) * sigma ** 2
    added = variance[:, :, 1:] + variance[:, :, :-1]
    steps = numpy.diff(truth.astype(numpy.float64), axis=2) ** 2
    both = inside[:, :, 1:] & inside[:, :, :-1]
    return {"sigma": sigma, "share": float(added.sum() / max(steps.sum(), 1e-12)),
            "objectShare": float(added[both].sum() / max(steps[both].sum(), 1e-12))}
