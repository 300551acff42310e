"""A closer look at one case per task: neighbouring slices, evaluations, calibration. No command of its own."""

import numpy

import volumes
from measures import OBJECT_FROM
from runs import Refused, say

FIELDS = ("independent", "shared", "correlated")
CURVE = [("ddim", []), ("ddim", ["--steps", 5]), ("ddim", ["--steps", 2]), ("ddim", ["--steps", 1]),
         ("pfdiff-1_1", []), ("pfdiff-2_1", []), ("pfdiff-3_2", []), ("ddpm", [])]
SAMPLES, BINS = 8, 10


class Experiments:
    def __init__(self, workshop, preparation, measures, model, task):
        self.workshop, self.measures, self.model, self.task = workshop, measures, model, task
        self.case = preparation.shown_case(task)

    def described(self, rows):
        return {"case": self.case.name, "slices": self.case.slices, "rows": rows}

    def consistency(self):
        """Does the noise field join neighbouring slices? Does averaging? Does what the network sees?"""
        rows = []
        ways = [(f"{field} noise", ["--noise-field", field]) for field in FIELDS]
        ways += [("mean of 4, shared noise", ["--samples", 4]), ("three planes, shared noise", ["--plane", "all"]),
                 ("three planes, independent noise", ["--plane", "all", "--noise-field", "independent"])]
        for name, flags in ways:
            try:
                output = self.workshop.restore(self.model, self.case, *flags)
            except Refused as refusal:
                say(f"{self.task.name}: {name} is left out: {refusal}")
                continue
            rows.append({"method": name, "sees": self.model.sees, **self.measures.figures(self.case, output)})
        return self.described(rows)

    def acceleration(self):
        rows = []
        for sampler, flags in CURVE:
            name = " ".join(map(str, [sampler, *flags]))
            try:
                output = self.workshop.restore(self.model, self.case, "--sampler", sampler, *flags)
            except Refused as refusal:
                say(f"{self.task.name}: {name} is left out: {refusal}")
                continue
            rows.append({"method": name.replace("--", ""), **self.measures.figures(self.case, output)})
        return self.described(rows)

    def calibration(self):
        """Predicted standard deviation against the true error of the mean, in bins of as many voxels each."""
        output = self.workshop.restore(self.model, self.case, "--samples", SAMPLES)
        truth = numpy.clip(volumes.read(self.case.truth), *self.case.window)
        error = numpy.clip(volumes.read(output.path), *self.case.window) - truth
        inside = volumes.to_unit(truth, self.case.window) > OBJECT_FROM.get(self.task.name, 0.1)
        deviation, error = volumes.read(output.deviation)[inside].astype(numpy.float64), error[inside].astype(numpy.float64)
        order = numpy.argsort(deviation, kind="stable")
        bins = [{"deviation": float(numpy.sqrt(numpy.mean(deviation[part] ** 2))),
                 "error": float(numpy.sqrt(numpy.mean(error[part] ** 2)))} for part in numpy.array_split(order, BINS)]
        ratios = [one["error"] / one["deviation"] for one in bins if one["deviation"] > 0]
        return self.described(bins) | {"samples": SAMPLES, "meanRatio": float(numpy.mean(ratios)),
                                       "wholeRatio": float((numpy.mean(error ** 2) / numpy.mean(deviation ** 2)) ** 0.5),
                                       "correlation": float(numpy.corrcoef(deviation, abs(error))[0, 1])}
