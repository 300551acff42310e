"""What is measured on what: tasks, scans, splits, and how a case is made of them. No command of its own.

Validation slices are those that no model and no baseline has met; tuning slices come from the training part.
"""

import dataclasses
import os

import numpy

import volumes

VALIDATION_SEED, TUNING_SEED = 1001, 2001


@dataclasses.dataclass(frozen=True)
class Scan:
    name: str
    file: str
    validation: tuple  # first and last slice
    training: tuple = None


LUNG = Scan("lung1", "ct_chest_lung1.nii.gz", (38, 47), (0, 35))
LIDC = Scan("lidc0001", "ct_chest_lidc0001.nii.gz", (112, 132), (0, 107))
COLIN = Scan("colin27", "mr_t1_colin27.nii.gz", (136, 150), (20, 130))
PHILIPS = Scan("philips", "mr_t1_philips_axial_vault.nii.gz", (4, 67))
PHILIPS_WHOLE = Scan("philips", "mr_t1_philips_axial_vault.nii.gz", (0, 71))
BRAINWEB_T1 = Scan("brainweb T1", "brainweb_t1.nii.gz", (126, 150), (20, 119))
BRAINWEB_T2 = Scan("brainweb T2", "brainweb_t2.nii.gz", (126, 150), (20, 119))


@dataclasses.dataclass(frozen=True)
class Task:
    name: str  # of the model, too
    kind: str  # denoise, super-resolve or translate
    heading: str
    unit: str
    levels: tuple  # doses, sigmas or factors; None for a translation
    level_name: str
    scans: tuple  # (scan, where its baselines are tuned); for a translation (input, truth)
    shown: tuple  # scan, level and most slices of consistency, acceleration and calibration
    window: tuple = None  # None: 0 to the truth's 99.9th percentile
    ways: tuple = ()  # how its workflow samples, name and flags, where that is not `ddim`; then what else is worth a row

    @property
    def rician(self):
        return self.name == "mr-denoise"


THREE_PLANES = ("--sampler", "pfdiff-3_2", "--plane", "all-if-cubic")
DEMONSTRATION = " (a demonstration on a simulation of one head; it says nothing about patients)"
TASKS = [
    Task("ct-denoise", "denoise", "Low-dose CT", "HU", (0.25, 0.1), "dose", ((LUNG, LUNG), (LIDC, LIDC)),
         (LUNG, 0.1, 6), (-1000.0, 1000.0)),
    Task("mr-denoise", "denoise", "Noise of magnitude MR", "grey values", (0.03, 0.06, 0.12), "sigma",
         ((COLIN, COLIN), (PHILIPS, COLIN)), (PHILIPS, 0.06, 16),
         ways=(("pfdiff-3_2, three planes, slice detail matched", (*THREE_PLANES, "--slice-detail", "matched")),
               ("pfdiff-3_2, three planes", THREE_PLANES))),
    Task("mr-superres", "super-resolve", "Slices between the slices of head MR", "grey values", (2, 4), "factor",
         ((COLIN, COLIN), (PHILIPS_WHOLE, COLIN)), (PHILIPS_WHOLE, 2, 16)),
    Task("mr-t1-to-t2", "translate", "T2 contrast from T1" + DEMONSTRATION, "grey values", (None,), "",
         ((BRAINWEB_T1, BRAINWEB_T2),), (BRAINWEB_T1, None, 16)),
    Task("mr-t2-to-t1", "translate", "T1 contrast from T2" + DEMONSTRATION, "grey values", (None,), "",
         ((BRAINWEB_T2, BRAINWEB_T1),), (BRAINWEB_T2, None, 16)),
]


@dataclasses.dataclass
class Case:
    """One scan at one level, on disk: an input, its truth on the output's grid, and what they are judged in."""
    task: Task
    scan: Scan
    level: float
    slices: tuple
    truth: str
    input: str
    window: tuple
    noise: float = None  # standard deviation in the unit of the window, where it is known

    @property
    def name(self):
        return self.scan.name if self.level is None else f"{self.scan.name}, {self.task.level_name} {self.level:g}"

    @property
    def made(self):
        """The slices of an output that were made and are judged; None: all of them."""
        if self.task.kind != "super-resolve":
            return None
        return [k for k in range(volumes.read(self.truth).shape[2]) if k % self.level]


def middle(span, count):
    first, last = span
    if count is None or last - first < count:
        return span
    start = (first + last + 1 - count) // 2
    return start, start + count - 1


def stacks(span, count, height):
    """`count` stacks of neighbouring slices, spread over the span; a single one lies in its middle."""
    first, last = span[0] + height // 2, span[1] - (height - 1) // 2
    centres = numpy.linspace(first, last, count) if count > 1 else [(first + last) / 2]
    return [(round(c) - height // 2, round(c) + (height - 1) // 2) for c in centres]


class Preparation:
    """Makes cases; what was made before is taken from the work folder."""

    def __init__(self, workshop, data, quick):
        self.workshop, self.data, self.quick = workshop, data, quick

    def file(self, scan):
        path = os.path.join(self.data, scan.file)
        if not os.path.exists(path):
            raise SystemExit(f"{path} is not there: --data must name the folder with the scans")
        return path

    def block(self, scan, span):
        source = self.file(scan)
        return self.workshop.volume(f"{scan.name}-{span[0]}-{span[1]}", ["cut", self.workshop.digest(source), span],
                                    lambda path: volumes.cut(source, *span, path))

    def levels(self, task):
        return task.levels[-1:] if self.quick else task.levels

    def cases(self, task):
        return [self.case(task, scan, level, other) for level in self.levels(task) for scan, other in task.scans]

    def case(self, task, scan, level, other=None, span=None, seed=VALIDATION_SEED, few=None):
        """The validation case, or with another span and seed one to tune on; `few`: only its middle slices."""
        if self.quick:
            few = min(few or 99, 12 if task.kind == "super-resolve" else 2)
        span = middle(span or scan.validation, few)
        clean = self.block(scan, span)
        noise = None
        if task.kind == "translate":
            truth, degraded = self.block(other, span), clean
        elif task.kind == "super-resolve":
            truth = self.workshop.volume(f"{scan.name}-means", ["sliding-means", self.workshop.digest(clean), level],
                                         lambda path: volumes.sliding_means(clean, level, path))
            degraded = self.workshop.degrade(clean, ["--kind", "thick-slices", "--factor", f"{level}"], seed)
        elif task.rician:
            truth = clean
            degraded = self.workshop.degrade(clean, ["--kind", "rician", "--sigma", f"{level}"], seed)
        else:
            truth = clean
            degraded = self.workshop.degrade(clean, ["--kind", "low-dose-ct", "--dose", f"{level}"], seed)
        window = task.window or (0.0, volumes.upper_end(truth))
        if task.rician:
            # As `pellucid degrade` defines it. Baselines are told it, models are not.
            noise = level * float(numpy.percentile(volumes.read(clean), 99.5)) / window[1]
        return Case(task, scan, level, span, truth, degraded, window, noise)

    def shown_case(self, task, slices=None):
        """The case that is looked at more closely, or fewer slices of it."""
        scan, level, most = task.shown
        slices = slices or most
        other = next(other for one, other in task.scans if one == scan)
        return self.case(task, scan, level if level in self.levels(task) else self.levels(task)[0], other,
                         few=slices * (2 if task.kind == "super-resolve" else 1))

    def tuning_cases(self, task, scan, level):
        """Stacks of neighbouring slices from the training part of a scan."""
        count, height = (1, 40) if task.kind == "super-resolve" else (3, 3 if self.quick else 5)
        quick, self.quick = self.quick, False  # the stacks are few slices already
        try:
            return [self.case(task, scan, level, span=span, seed=TUNING_SEED)
                    for span in stacks(scan.training, count, height)]
        finally:
            self.quick = quick
