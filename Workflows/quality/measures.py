"""Figures of one output: Pellucid's own, the spectrum's agreement, the spread over seeds. No command of its own."""

import inspect

import numpy

import volumes

SEEDS = (0, 1, 2)
SPREAD_SLICES = 8  # the fewest that three planes can be laid through
LEAST_SLICES = 8  # for a spectrum along the stack


def object_from(task):
    """Above what the object is, in the unit of the window. Air in a lung belongs to it."""
    return 0.05 if task.name == "ct-denoise" else 0.1


def object_psnr(image, truth, threshold):
    """PSNR of the voxels in which the truth shows something, all together. Air, of which a truth that is a scan
    has noise of its own, does not count."""
    inside = truth > threshold
    return float(-10 * numpy.log10(max(numpy.mean((image[inside] - truth[inside]) ** 2), 1e-12)))


def object_slice_difference(image, truth, threshold):
    """Mean squared difference of neighbouring slices over the truth's, of voxels in which the truth shows something twice."""
    inside = (truth[:, :, 1:] > threshold) & (truth[:, :, :-1] > threshold)
    energies = [numpy.mean(numpy.diff(volume, axis=2)[inside] ** 2) for volume in (image, truth)]
    return float(energies[0] / max(energies[1], 1e-12))


def ring_correlation(image, truth):
    """Fourier ring correlation in-plane, mean over slices: (frequencies as shares of Nyquist, correlations)."""
    rows, columns = image.shape[:2]
    radius = numpy.hypot(numpy.fft.fftfreq(rows)[:, None], numpy.fft.fftfreq(columns)[None, :]) / 0.5
    rings = min(rows, columns) // 2
    ring = numpy.minimum((radius * rings).round().astype(int), rings + 1).ravel()
    # Tapered to the edges, because the transform takes opposite edges for neighbours.
    taper = numpy.outer(numpy.hanning(rows), numpy.hanning(columns))
    curves = []
    for k in range(image.shape[2]):
        a, b = (numpy.fft.fft2((v[:, :, k] - v[:, :, k].mean()) * taper).ravel() for v in (image, truth))
        shared = numpy.bincount(ring, (a * b.conj()).real, rings + 2)
        own = numpy.sqrt(numpy.bincount(ring, abs(a) ** 2, rings + 2) * numpy.bincount(ring, abs(b) ** 2, rings + 2))
        curves.append((shared / numpy.maximum(own, 1e-30))[1:rings + 1])
    return numpy.arange(1, rings + 1) / rings, numpy.mean(curves, axis=0)


def line_correlation(image, truth):
    """The same along the stack: over all pixels, the correlation of the lines through the slices at each frequency."""
    taper = numpy.hanning(image.shape[2] + 2)[1:-1]
    a, b = (numpy.fft.rfft((v - v.mean(axis=2, keepdims=True)) * taper, axis=2) for v in (image, truth))
    shared = (a * b.conj()).real.sum(axis=(0, 1))
    own = numpy.sqrt((abs(a) ** 2).sum(axis=(0, 1)) * (abs(b) ** 2).sum(axis=(0, 1)))
    return numpy.arange(1, a.shape[2]) / (image.shape[2] / 2), (shared / numpy.maximum(own, 1e-30))[1:]


def resolved(curve, threshold=0.5):
    """The share of Nyquist up to which the spectrum agrees with the truth's; 1 where it agrees throughout."""
    frequencies, correlation = curve
    below = numpy.flatnonzero(correlation < threshold)
    if below.size == 0:
        return 1.0
    k = below[0]
    if k == 0:
        return float(frequencies[0])
    share = (correlation[k - 1] - threshold) / (correlation[k - 1] - correlation[k])
    return float(frequencies[k - 1] + share * (frequencies[k] - frequencies[k - 1]))


def slice_error(image, truth):
    """Mean squared difference of neighbouring slices of the error, over the truth's."""
    steps = numpy.diff(truth, axis=2)
    return float(numpy.mean((numpy.diff(image, axis=2) - steps) ** 2) / max(numpy.mean(steps ** 2), 1e-12))


class Measures:
    def __init__(self, workshop):
        self.workshop = workshop

    def of_made(self, case, path):
        """The volume with only the slices that were made, of the output as of the truth."""
        made = case.made
        if made is None:
            return path
        return self.workshop.volume("made", [self.workshop.digest(path), made],
                                    lambda out: volumes.write(out, volumes.read(path)[:, :, made], path))

    def figures(self, case, output):
        """Quality of the slices that were made, agreement of neighbours on the whole stack."""
        image, truth = self.of_made(case, output.path), self.of_made(case, case.truth)
        found = self.workshop.compare(image, truth, case.window)
        whole = found if case.made is None else self.workshop.compare(output.path, case.truth, case.window)
        units = [volumes.to_unit(volumes.read(path), case.window) for path in (image, truth)]
        stacks = [volumes.to_unit(volumes.read(path), case.window) for path in (output.path, case.truth)]
        shows = object_from(case.task)
        across = None if volumes.read(case.truth).shape[2] < LEAST_SLICES else self.agreement(
            line_correlation, case, output.path, case.truth)
        return {"psnr": found["psnr"], "objectPsnr": object_psnr(*units, shows),
                "ssim": found.get("ssim"), "meanAbsoluteError": found["meanAbsoluteError"],
                "sharpness": found["sharpness"], "edgeRetention": found["edgeRetention"],
                "sliceDifference": whole.get("sliceDifference"), "errorFlicker": whole.get("errorFlicker"),
                "objectSliceDifference": object_slice_difference(*stacks, shows) if stacks[0].shape[2] > 1 else None,
                "sliceError": slice_error(*stacks) if stacks[0].shape[2] > 1 else None,
                "resolved": self.agreement(ring_correlation, case, image, truth), "resolvedAcross": across,
                "seconds": output.seconds, "evaluations": self.workshop.compare(
                    output.path, case.truth, case.window).get("evaluations")}

    def agreement(self, curve, case, image, truth):
        """The share of Nyquist up to which a correlation curve holds."""
        made_of = [inspect.getsource(curve), inspect.getsource(resolved), case.window,
                   self.workshop.digest(image), self.workshop.digest(truth)]
        return self.workshop.record("resolved", made_of, lambda: resolved(curve(
            *(volumes.to_unit(volumes.read(path), case.window) for path in (image, truth)))))

    def spread(self, model, case, *options):
        """Standard deviation over seeds, mean over the voxels that were made, of a few slices from the middle."""
        depth = volumes.read(case.input).shape[2]
        first = max(0, (depth - SPREAD_SLICES) // 2)
        last = min(depth, first + SPREAD_SLICES) - 1
        few = case.input  # where it has no more slices: then the outputs of the tables serve here, too
        if last - first + 1 < depth:
            few = self.workshop.volume(f"{case.name}-few", ["few", self.workshop.digest(case.input), first, last],
                                       lambda path: volumes.cut(case.input, first, last, path))
        samples = [volumes.read(self.workshop.restore(model, case, *options, "--seed", seed, source=few).path)
                   for seed in SEEDS]
        deviation = numpy.std(numpy.clip(samples, *case.window).astype(numpy.float64), axis=0, ddof=1)
        if case.made is not None:
            deviation = deviation[:, :, [k for k in range(deviation.shape[2]) if k % case.level]]
        return float(deviation.mean())
