"""Measures every model against the truth and against classical methods, on slices that none of them was trained on.

    make evaluate DATA=folder                                            everything; rewrites Docs/Quality.md
    Workflows/quality/quality.sh PELLUCID --data FOLDER --quick          few slices; the page stays in the work folder
    Workflows/quality/quality.sh PELLUCID --data FOLDER --only mr-denoise    one task; the others' figures stay

What was computed before is taken from the work folder, so that a run that was cut off goes on. A model that is not
there is left out, and said to be.
"""

import os

# A process per processor: threads inside of each would only be in each other's way.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse
import concurrent.futures
import datetime
import json
import sys

import cases
import experiments
import tables
import truthnoise
import verdicts
import volumes
from baselines import VERSIONS, Denoisers
from contrasts import Regressions
from gaps import Interpolations
from measures import Measures, object_from
from runs import Model, Output, Refused, Workshop, say

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.append(os.path.join(HERE, "..", "bench"))
import machine

BASELINES = {"denoise": Denoisers, "super-resolve": Interpolations, "translate": Regressions}
# What can be measured anew by itself, without the cases.
PARTS = ("consistency", "acceleration", "thousand", "calibration", "own-noise")
# How Pellucid is run for the tables, beside what the task's shipped workflow does.
SAMPLERS = [("ddim", []), ("pfdiff-1_1", ["--sampler", "pfdiff-1_1"])]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the folder with the scans")
    parser.add_argument("--executable", default=os.path.join(ROOT, ".build", "release", "pellucid"))
    parser.add_argument("--models", default=os.path.join(ROOT, "Workflows", "models"), help="the folder with the models")
    parser.add_argument("--others", help="a folder with models that were trained otherwise, for the comparisons that "
                        "need them: TASK-2d (sees one slice), TASK-1000 (all labels), TASK-plain (no sliceDetail)")
    parser.add_argument("--work", default=os.path.join(ROOT, ".build", "quality"),
                        help="where volumes are kept between runs (some gigabytes; default: .build/quality)")
    parser.add_argument("--docs", help="where Quality.md, quality.json and the pictures go (default: Docs; with --quick "
                        "a folder in --work)")
    parser.add_argument("--only", action="append", metavar="TASK", choices=[task.name for task in cases.TASKS],
                        help="only this task; the page keeps the others' figures")
    parser.add_argument("--part", action="append", choices=PARTS,
                        help="only this closer look; the other figures of the task stay")
    parser.add_argument("--quick", action="store_true", help="few slices, the strongest level: to see that it works")
    parser.add_argument("--threads", type=int, default=machine.threads(), help="default: one per processor")
    options = parser.parse_args()
    options.docs = options.docs or (os.path.join(options.work, "quick") if options.quick else os.path.join(ROOT, "Docs"))
    if not os.path.isdir(options.data):
        sys.exit(f"{options.data} is no folder: --data must name the folder with the scans")
    return options


class Measurement:
    """One task, from its cases to its experiments."""

    def __init__(self, task, workshop, preparation, model, others, pool):
        self.task, self.workshop, self.preparation, self.model, self.others = task, workshop, preparation, model, others
        self.baselines = BASELINES[task.kind](workshop, preparation, pool)
        self.measures = Measures(workshop)

    def row(self, case, method, kind, output, parameters=None, **more):
        figures = self.measures.figures(case, output)
        say(f"{self.task.name}: {case.name}: {method}: {figures['psnr']:.2f} dB, SSIM {figures['ssim'] or 0:.4f}")
        return {"method": method, "kind": kind, "parameters": parameters or {}, **figures, **more}

    def rows(self, case):
        unchanged = self.baselines.input(case) if case.made is not None else Output(case.input)
        yield self.row(case, "input", "input", Output(unchanged.path))
        for method, parameters, output in self.baselines.outputs(case):
            yield self.row(case, method, "baseline", output, parameters)
        if self.model is None:
            return
        # The first one is how the task's workflow does it: by that it is judged.
        for place, (method, flags) in enumerate([*self.task.ways, *SAMPLERS]):
            output = self.workshop.restore(self.model, case, *flags)
            spread = self.measures.spread(self.model, case, *flags) if place == 0 else None
            yield self.row(case, method, "pellucid", output, {"options": list(map(str, flags))}, spread=spread)

    def parts(self, wanted):
        """Closer looks by name; without those that there is nothing for."""
        closer = experiments.Experiments(self.workshop, self.preparation, self.measures, self.model, self.task, self.others)
        looks = {"consistency": closer.consistency, "acceleration": closer.acceleration, "thousand": closer.thousand,
                 "own-noise": self.own_noise}
        if self.task.kind == "denoise":
            looks["calibration"] = closer.calibration
        found = {name: looks[name]() for name in wanted if name in looks}
        return {name: look for name, look in found.items() if look is not None}

    def own_noise(self):
        """Noise in the truths themselves, case by case. None where it is not that of magnitudes, or slices are means of slices."""
        if not (self.task.rician or self.task.kind == "translate"):
            return None
        return {"cases": [{"case": case.name} | truthnoise.own_noise(
            volumes.to_unit(volumes.read(case.truth), case.window), object_from(self.task))
            for case in self.preparation.cases(self.task)]}

    def whole(self):
        found = [{"name": case.name, "scan": case.scan.file, "level": case.level, "slices": case.slices,
                  "window": case.window, "rows": list(self.rows(case))}
                 for case in self.preparation.cases(self.task)]
        result = {"heading": self.task.heading, "kind": self.task.kind, "unit": self.task.unit, "cases": found,
                  "model": self.model and {"name": self.model.name, "sha256": self.model.sha256, "sees": self.model.sees}}
        if self.model is not None:
            result |= self.parts(PARTS)
        return result | {"verdicts": verdicts.judge(self.task.name, result)}


def circumstances(options, workshop):
    told = dict(machine.describe())
    return {"date": datetime.date.today().isoformat(), "pellucid": workshop.version, "python": told["Python"],
            "libraries": VERSIONS, "processor": told["Processor"], "threads": options.threads,
            "quick": options.quick, "load": round(machine.load(), 1)}


def with_earlier(whole, earlier):
    """With the comparison of ten labels and a thousand that is known, where there is no newer one.

    It compares two networks that were trained alike, so it holds when a third is shipped.
    """
    if "thousand" in whole or "thousand" not in earlier:
        return whole
    kept = {"model": (earlier.get("model") or {}).get("sha256"), "made": earlier["made"]} | earlier["thousand"]
    return whole | {"thousand": kept}


def read_results(path):
    if not os.path.exists(path):
        return {"schema": "pellucid-quality/1", "tasks": {}}
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except ValueError:
        sys.exit(f"{path} is no JSON; move it away to begin anew")


def measure(options, pool):
    workshop = Workshop(options.executable, options.work, options.threads)
    preparation = cases.Preparation(workshop, options.data, options.quick)
    os.makedirs(options.docs, exist_ok=True)
    path = os.path.join(options.docs, "quality.json")
    results, failures = read_results(path), []
    for task in cases.TASKS:
        if options.only and task.name not in options.only:
            continue
        model = Model.find(options.models, task.name, workshop.digest)
        if model is None:
            say(f"{task.name}: no {task.name}.safetensors in {options.models}: only the baselines are measured")
        before = circumstances(options, workshop)
        try:
            def others(ending):
                return options.others and Model.find(options.others, f"{task.name}-{ending}", workshop.digest)
            measurement = Measurement(task, workshop, preparation, model, others, pool)
            known = results["tasks"].get(task.name, {})
            if options.part:
                if model is None or (known.get("model") or {}).get("sha256") != model.sha256:
                    sys.exit(f"{task.name}: the other figures are not of this model; measure the task without --part")
                parts = measurement.parts(options.part)
                whole = known | {name: look | {"made": before} for name, look in parts.items()}
            else:
                whole = with_earlier(measurement.whole() | {"made": before}, known)
        except Refused as refusal:
            # Hours may lie before the next task: it is measured all the same.
            say(f"{task.name}: left out, because pellucid refused: {refusal}")
            failures.append(task.name)
            continue
        results["tasks"][task.name] = whole
        # After every task: what was measured is there even if the next one fails.
        results["tasks"] = {one.name: results["tasks"][one.name] for one in cases.TASKS if one.name in results["tasks"]}
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
            file.write("\n")
        os.replace(path + ".new", path)
        tables.write_page(results, options.docs)
    if results["tasks"]:
        say(f"wrote {os.path.join(options.docs, 'Quality.md')}")
    if failures:
        sys.exit(f"not measured: {', '.join(failures)}")


def main():
    options = parse()
    with concurrent.futures.ProcessPoolExecutor(options.threads) as pool:
        measure(options, pool)


if __name__ == "__main__":
    main()
