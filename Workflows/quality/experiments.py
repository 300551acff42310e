"""A closer look at one case per task: neighbouring slices, evaluations, calibration. No command of its own."""

import numpy

import volumes
from measures import object_from
from runs import Refused, say

FIELDS = ("independent", "shared", "correlated")
OTHERS = [("2d", "another model"), ("plain", "trained without sliceDetail")]
CURVE = [("ddim", []), ("ddim", ["--steps", 5]), ("ddim", ["--steps", 2]), ("ddim", ["--steps", 1]),
         ("pfdiff-1_1", []), ("pfdiff-2_1", []), ("pfdiff-3_2", []), ("ddpm", [])]
SAMPLES, BINS = 8, 10
# The ladder that ten labels are a short cut of, beside that short cut; how many slices suffice for it.
# A model of ten labels has no 6 or 4 evenly spaced ones; one of a thousand has.
THOUSAND = [("ddpm", ["--sampler", "ddpm"]),
            *((f"ddim steps {count}", ["--steps", count]) for count in (50, 10, 6, 4))]
TEN = [("ddim", []), ("ddpm", ["--sampler", "ddpm"]), ("pfdiff-1_1", ["--sampler", "pfdiff-1_1"])]
THOUSAND_SLICES = {"ct-denoise": 1}  # of four times as many pixels; 2 of the others


class Experiments:
    """`others` finds models of the same task that were trained otherwise, by the end of their name."""

    def __init__(self, workshop, preparation, measures, model, task, others):
        self.workshop, self.measures, self.model, self.task = workshop, measures, model, task
        self.preparation, self.others = preparation, others
        self.case = preparation.shown_case(task)

    def described(self, rows, case=None):
        case = case or self.case
        return {"case": case.name, "slices": case.slices, "rows": rows}

    def row(self, model, case, method, flags):
        """Nothing where Pellucid refuses."""
        try:
            return [{"method": method, "sees": model.sees,
                     **self.measures.figures(case, self.workshop.restore(model, case, *flags))}]
        except Refused as refusal:
            say(f"{self.task.name}: {method} is left out: {refusal}")
            return []

    def consistency(self):
        """Does the noise field join neighbouring slices? Does averaging? Does what the network sees?"""
        rows = []
        ways = [(f"{field} noise", ["--noise-field", field]) for field in FIELDS]
        ways += [("mean of 4, shared noise", ["--samples", 4]), ("three planes, shared noise", ["--plane", "all"]),
                 ("three planes, independent noise", ["--plane", "all", "--noise-field", "independent"]),
                 ("shared noise, slice detail matched", ["--slice-detail", "matched"]),
                 ("three planes, shared noise, slice detail matched", ["--plane", "all", "--slice-detail", "matched"])]
        for name, flags in ways:
            rows += self.row(self.model, self.case, name, flags)
        for ending, name in OTHERS:
            other = self.others(ending)
            if other is not None:
                rows += self.row(other, self.case, f"{name}, shared noise", [])
        return self.described(rows)

    def acceleration(self):
        rows = []
        for sampler, flags in CURVE:
            name = " ".join(map(str, [sampler, *flags])).replace("--", "")
            rows += self.row(self.model, self.case, name, ["--sampler", sampler, *flags])
        return self.described(rows)

    def thousand(self):
        """The same network trained on all thousand labels: as it was meant, and by short cuts. None without one."""
        model = self.others("1000")
        if model is None:
            return None
        case = self.preparation.shown_case(self.task, THOUSAND_SLICES.get(self.task.name, 2))
        rows = [row for name, flags in TEN for row in self.row(self.model, case, f"ten labels: {name}", flags)]
        rows += [row for name, flags in THOUSAND for row in self.row(model, case, f"thousand labels: {name}", flags)]
        return self.described(rows, case) | {"model": self.model.sha256,
                                             "steps": {"ten": self.model.steps, "thousand": model.steps}}

    def calibration(self):
        """Predicted standard deviation against the true error of the mean, in bins of as many voxels each."""
        output = self.workshop.restore(self.model, self.case, "--samples", SAMPLES)
        truth = numpy.clip(volumes.read(self.case.truth), *self.case.window)
        error = numpy.clip(volumes.read(output.path), *self.case.window) - truth
        inside = volumes.to_unit(truth, self.case.window) > object_from(self.task)
        deviation, error = volumes.read(output.deviation)[inside].astype(numpy.float64), error[inside].astype(numpy.float64)
        order = numpy.argsort(deviation, kind="stable")
        bins = [{"deviation": float(numpy.sqrt(numpy.mean(deviation[part] ** 2))),
                 "error": float(numpy.sqrt(numpy.mean(error[part] ** 2)))} for part in numpy.array_split(order, BINS)]
        ratios = [one["error"] / one["deviation"] for one in bins if one["deviation"] > 0]
        return self.described(bins) | {"samples": SAMPLES, "meanRatio": float(numpy.mean(ratios)),
                                       "wholeRatio": float((numpy.mean(error ** 2) / numpy.mean(deviation ** 2)) ** 0.5),
                                       "correlation": float(numpy.corrcoef(deviation, abs(error))[0, 1])}
