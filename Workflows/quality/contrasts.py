"""One contrast from another without a network: a table of means, ridge regression on patches, nearest patches.

Fitted on training slices, of which the last ones choose the parameters. No command of its own.
"""

import inspect

import numpy
from scipy.spatial import cKDTree

import volumes

RADII = (2, 2, 1)  # 5 × 5 × 3 voxels
SAMPLES, NEIGHBOUR_SAMPLES, CHUNK = 100_000, 150_000, 8192
ENTRIES = 256
HELD_OUT = 12  # slices; a gap of four lies before them, because neighbours are near-copies


def patches(stack, places=None):
    """Patches around voxels [n, 75]; beyond the edges the volume goes on with its last voxel."""
    padded = numpy.pad(stack, [(r, r) for r in RADII], mode="edge")
    window = numpy.lib.stride_tricks.sliding_window_view(padded, [2 * r + 1 for r in RADII])
    x, y, z = numpy.unravel_index(numpy.arange(stack.size) if places is None else places, stack.shape)
    return window[x, y, z].reshape(len(x), -1)


class Table:
    """The mean of the target for every intensity of the source."""

    def __init__(self, source, target):
        entry = self.entry(source).ravel()
        counts = numpy.bincount(entry, minlength=ENTRIES)
        sums = numpy.bincount(entry, target.ravel(), ENTRIES)
        known = numpy.flatnonzero(counts)
        self.means = numpy.interp(numpy.arange(ENTRIES), known, sums[known] / counts[known]).astype(numpy.float32)

    @staticmethod
    def entry(source):
        return (source * (ENTRIES - 1)).round().clip(0, ENTRIES - 1).astype(int)

    def predict(self, source):
        return self.means[self.entry(source)]


def features(patch, table):
    """Constant, patch, what the table says of it, and all products of two voxels of the patch."""
    first, second = numpy.triu_indices(patch.shape[1])
    return numpy.concatenate([numpy.ones((len(patch), 1), numpy.float32), patch, table.predict(patch),
                              patch[:, first] * patch[:, second]], axis=1)


class Ridge:
    """Ridge regression; what the table leaves over is what is regressed."""

    def __init__(self, source, target, table, places):
        self.table = table
        size = 1 + 2 * 75 + 75 * 76 // 2
        self.products, self.sums = numpy.zeros((size, size)), numpy.zeros(size)
        left = (target - table.predict(source)).ravel()
        for start in range(0, len(places), CHUNK):
            part = places[start:start + CHUNK]
            x = features(patches(source, part), table)
            self.products += x.T @ x
            self.sums += x.T @ left[part]
        self.count = len(places)

    def solve(self, strength):
        ridge = numpy.full(len(self.sums), strength * self.count)
        ridge[0] = 0
        self.weights = numpy.linalg.solve(self.products + numpy.diag(ridge), self.sums).astype(numpy.float32)

    def predict(self, source):
        out = self.table.predict(source).ravel()
        for start in range(0, source.size, CHUNK):
            part = numpy.arange(start, min(source.size, start + CHUNK))
            out[part] += features(patches(source, part), self.table) @ self.weights
        return out.reshape(source.shape)


class Neighbours:
    """The mean over the most similar patches, of those parts of patches that vary most; the table outside the head."""

    def __init__(self, source, target, table, places, components=10):
        self.table = table
        samples = patches(source, places)
        self.mean = samples.mean(axis=0)
        _, _, directions = numpy.linalg.svd((samples - self.mean)[::10], full_matrices=False)
        self.directions = directions[:components].T
        self.tree = cKDTree((samples - self.mean) @ self.directions)
        self.values = target.ravel()[places]

    def solve(self, count):
        self.neighbours = count

    def predict(self, source, threads=-1):
        out = self.table.predict(source).ravel()
        places = inside(source)
        for start in range(0, len(places), CHUNK):
            part = places[start:start + CHUNK]
            _, found = self.tree.query((patches(source, part) - self.mean) @ self.directions, self.neighbours, eps=0.5,
                                       workers=threads)
            out[part] = self.values[found].mean(axis=1)
        return out.reshape(source.shape)


def inside(source):
    """Voxels that are not background."""
    return numpy.flatnonzero(source.ravel() > 0.1)


def some_places(source, count):
    """Voxels to learn from, mostly inside the head; always the same."""
    random = numpy.random.default_rng(1)
    head = inside(source)
    air = numpy.setdiff1d(numpy.arange(source.size), head, assume_unique=True)
    return numpy.concatenate([random.choice(head, min(len(head), count * 17 // 20), replace=False),
                              random.choice(air, min(len(air), count * 3 // 20), replace=False)])


METHODS = {"ridge on patches": (Ridge, SAMPLES, "lambda", (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)),
           "nearest patches": (Neighbours, NEIGHBOUR_SAMPLES, "neighbours", (3, 5, 10, 20, 40))}


class Regressions:
    def __init__(self, workshop, preparation, pool):
        self.workshop, self.preparation = workshop, preparation

    def training(self, case):
        """Source and target of the training slices in units of their windows, and the digests of what they are of."""
        source_scan, target_scan = next(pair for pair in case.task.scans if pair[0] == case.scan)
        span = source_scan.training
        if self.preparation.quick:
            span = (span[0] + 40, span[0] + 75)
        paths = [self.preparation.block(scan, span) for scan in (source_scan, target_scan)]
        return paths, [self.workshop.digest(path) for path in paths]

    def fitted(self, name, source, target, table):
        """A method with the parameter that is best on the last training slices, fitted on those before them."""
        kind, count, parameter, choices = METHODS[name]
        if self.preparation.quick:
            count //= 5
        first = source.shape[2] - HELD_OUT
        early, late = slice(0, first - 4), slice(first, None, 4)
        fit = kind(source[:, :, early], target[:, :, early], table, some_places(source[:, :, early], count))
        scores = {}
        for choice in choices:
            fit.solve(choice)
            scores[choice] = volumes.psnr(fit.predict(source[:, :, late]), target[:, :, late])
        best = max(scores, key=scores.get)
        fit.solve(best)
        return fit, {parameter: best}

    def outputs(self, case):
        paths, digests = self.training(case)
        window = (0.0, volumes.upper_end(paths[0]))  # of the source, as in training
        common = [inspect.getsource(part) for part in (Table, patches)] + [digests, self.workshop.digest(case.input),
                                                                          case.window, self.preparation.quick]
        loaded = []

        def training_arrays():
            if not loaded:
                source = volumes.to_unit(volumes.read(paths[0]), window)
                target = volumes.to_unit(volumes.read(paths[1]), case.window)
                loaded.extend([source, target, Table(source, target)])
            return loaded

        def predicted(fit):
            source = volumes.to_unit(volumes.read(case.input), window)
            return volumes.from_unit(fit.predict(source), case.window), case.input
        yield "table of means", {}, self.workshop.timed_volume(
            f"{case.name}-table", common, lambda: predicted(training_arrays()[2]))
        for name, (kind, count, parameter, choices) in METHODS.items():
            made_of = [*common, *map(inspect.getsource, (kind, features, some_places, inside, Regressions.fitted)), count,
                       list(choices)]

            def compute():
                fit, chosen = self.fitted(name, *training_arrays())
                return (*predicted(fit), chosen)
            output = self.workshop.timed_volume(f"{case.name}-{name}", made_of, compute)
            yield name, output.parameters, output
