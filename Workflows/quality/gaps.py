"""Slices between slices without a network: nearest, linear, cubic along the third axis. No command of its own."""

import inspect

import numpy
from scipy.interpolate import CubicSpline

import volumes


def nearest(stack, factor):
    """The input itself: every slice repeated."""
    count = (stack.shape[2] - 1) * factor + 1
    return stack[:, :, [min((k + factor // 2) // factor, stack.shape[2] - 1) for k in range(count)]]


def linear(stack, factor):
    count = (stack.shape[2] - 1) * factor + 1
    places = numpy.arange(count) / factor
    below = numpy.minimum(places.astype(int), stack.shape[2] - 2)
    share = (places - below).astype(numpy.float32)
    return stack[:, :, below] * (1 - share) + stack[:, :, below + 1] * share


def catmull_rom(stack, factor):
    """Beyond the ends the stack goes on as a straight line."""
    padded = numpy.concatenate([2 * stack[:, :, :1] - stack[:, :, 1:2], stack,
                                2 * stack[:, :, -1:] - stack[:, :, -2:-1]], axis=2)
    count = (stack.shape[2] - 1) * factor + 1
    places = numpy.arange(count) / factor
    below = numpy.minimum(places.astype(int), stack.shape[2] - 2)
    t = (places - below).astype(numpy.float32)
    weights = [(-t + 2 * t ** 2 - t ** 3) / 2, (2 - 5 * t ** 2 + 3 * t ** 3) / 2, (t + 4 * t ** 2 - 3 * t ** 3) / 2,
               (t ** 3 - t ** 2) / 2]
    return sum(padded[:, :, below + k] * weight for k, weight in enumerate(weights))


def spline(stack, factor):
    count = (stack.shape[2] - 1) * factor + 1
    kind = "not-a-knot" if stack.shape[2] > 3 else "natural"
    return CubicSpline(numpy.arange(stack.shape[2]), stack, axis=2, bc_type=kind)(numpy.arange(count) / factor)


CUBIC = {"Catmull-Rom": catmull_rom, "spline": spline}


class Interpolations:
    def __init__(self, workshop, preparation, pool):
        self.workshop, self.preparation = workshop, preparation

    def better_cubic(self, case):
        """The one with the higher PSNR on the made slices of training stacks."""
        scan = next(other for one, other in case.task.scans if one == case.scan)
        tuning = self.preparation.tuning_cases(case.task, scan, case.level)

        def choose():
            scores = {}
            for name, function in CUBIC.items():
                values = []
                for one in tuning:
                    stack = volumes.to_unit(volumes.read(one.input), one.window)
                    truth = volumes.to_unit(volumes.read(one.truth), one.window)
                    values.append(volumes.psnr(function(stack, one.level)[:, :, one.made], truth[:, :, one.made]))
                scores[name] = float(numpy.mean(values))
            return {"parameters": {"kind": max(scores, key=scores.get)}, "tuningPSNR": scores}
        made_of = [inspect.getsource(catmull_rom), inspect.getsource(spline), case.level,
                   [[self.workshop.digest(one.input), self.workshop.digest(one.truth)] for one in tuning]]
        return self.workshop.record("cubic-tuning", made_of, choose)["parameters"]

    def interpolated(self, case, name, function):
        def compute():
            return function(volumes.read(case.input), case.level), case.truth
        made_of = [inspect.getsource(function), case.level, self.workshop.digest(case.input),
                   self.workshop.digest(case.truth)]
        return self.workshop.timed_volume(f"{case.name}-{name}", made_of, compute)

    def input(self, case):
        return self.interpolated(case, "nearest", nearest)

    def outputs(self, case):
        yield "linear", {}, self.interpolated(case, "linear", linear)
        chosen = self.better_cubic(case)
        yield "cubic", chosen, self.interpolated(case, "cubic", CUBIC[chosen["kind"]])
