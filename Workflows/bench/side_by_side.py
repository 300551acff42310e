"""Times Pellucid beside PyTorch, ONNX Runtime and OpenVINO: same weights, same input, same threads, turns in rotation.

    Workflows/bench/bench.sh .build/release/pellucid            half an hour; rewrites Docs/Benchmarks.md
    Workflows/bench/bench.sh .build/release/pellucid --quick    three cases, three minutes; prints, writes nothing
    python side_by_side.py --pellucid FILE [--quick] [--docs PAGE] [--json FILE]    where the engines are installed

In each round every engine has one turn. An engine lives in its own process, which is frozen between its turns;
`pellucid bench` is started anew for each. Ratios compare turns of the same round; their median is shown.
"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import machine
import report
from cases import CASES, COST, NAMES, PUBLISHED, SHIPPED, SMALL, TRAINING, Result, Row
from processes import EngineProcess, Pellucid, environment, one_shot, relative_error

HERE = os.path.dirname(os.path.abspath(__file__))


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def import_published(executable, folder):
    """The published network with random weights, as a Pellucid model."""
    checkpoint, model = os.path.join(folder, "ckpt.pth"), os.path.join(folder, "published.safetensors")
    if not os.path.exists(model):
        one_shot("checkpoint", "-o", checkpoint)
        subprocess.run(
            [executable, "models", "import", checkpoint, "-o", model, "--label-set", "uniform-10", "--task", "denoise",
             "--modality", "CT", "--window=-1000,1000"], check=True, stdout=subprocess.DEVNULL, env=environment())
        os.remove(checkpoint)
    return model


def make_reference(case, model, folder, quick):
    precision = case.reference_precision(quick)
    path = os.path.join(folder, "reference.npy")
    one_shot("reference", "--model", model, "--size", case.size, "--batch", case.batch, "--precision", precision, "-o",
             path)
    return np.load(path), precision


def start_engines(case, model, graph, keys, threads):
    common = {"model": model, "onnx": graph, "size": case.size, "batch": case.batch, "threads": threads}
    return [EngineProcess(NAMES[key], {**common, "engine": key}) for key in keys]


def keep_faster_layout(contenders, layouts):
    """Of PyTorch's two memory layouts only the one that the warm-up showed to be faster goes on."""
    pair = [one for one in contenders if getattr(one, "key", "") in layouts and not one.failure]
    if len(pair) == 2:
        slower = max(pair, key=lambda one: one.last)
        slower.stop()
        contenders.remove(slower)


def alternate(case, contenders, rounds, folder):
    """A warm-up turn each, whose output is kept, and then the rounds."""
    for one in contenders:
        save = None if case.training else os.path.join(folder, "output")
        one.take(case.repeats, case.untimed, save=save, counts=False)
    keep_faster_layout(contenders, case.layouts)
    for _ in range(rounds):
        for one in contenders:
            one.take(case.repeats, case.untimed)


def make_rows(contenders, reference=None):
    mine = next(one for one in contenders if one.name == "Pellucid")
    rows = []
    for one in contenders:
        pairs = [] if one.failure or mine.failure else list(zip(one.turns, mine.turns))
        ratio = statistics.median(theirs / ours for theirs, ours in pairs) if pairs else None
        error = None if reference is None else relative_error(one.output, reference)
        family = "PyTorch" if one.name.startswith("PyTorch") else one.name
        rows.append(Row(one.name, family, one.version, one.failure, one.seconds, ratio, one.peak_bytes, error))
    return rows


def run_case(case, model, options, folder, others=()):
    """Measures one case. Whatever happens, no engine is left running."""
    rounds = min(case.rounds, options.rounds) if options.rounds else case.rounds
    say(f"{case.title}: preparing")
    graph = os.path.join(folder, "network.onnx")
    reference, precision = None, None
    contenders = [Pellucid(options.pellucid, model, case.size, case.batch, options.threads,
                            case.training)]
    try:
        if not case.training:
            reference, precision = make_reference(case, model, folder, options.quick)
            one_shot("onnx", "--model", model, "--size", case.size, "--batch", case.batch, "-o", graph)
        contenders += start_engines(case, model, graph, [*case.layouts, *others], options.threads)
        say(f"{rounds} rounds")
        alternate(case, contenders, rounds, folder)
    finally:
        for one in contenders:
            one.stop()
        if os.path.exists(graph):
            os.remove(graph)
    mine = contenders[0]
    told = {**mine.report, "secondsEach": mine.seconds, "peakResidentBytes": mine.peak_bytes} if mine.seconds else {}
    return Result(case, rounds, precision, make_rows(contenders, reference), told)


def measure_costs(results, models, options):
    """Pellucid's cost against size and batch: what the cases have measured, and the few points that they lack."""
    known = {(r.case.network, r.case.size, r.case.batch): r.pellucid for r in results if r.pellucid}
    parts = []
    for network, column, points in COST:
        for size, batch in points:
            if (network, size, batch) not in known:
                say(f"Pellucid alone: {network} network, {size} x {size}, batch {batch}")
                alone = Pellucid(options.pellucid, models[network], size, batch, options.threads)
                alone.take(5, 1)
                known[network, size, batch] = None if alone.failure else alone.report
        kept = [(size, batch, known[network, size, batch]) for size, batch in points if known[network, size, batch]]
        what = f"{network.capitalize()} network, " + ("batch 1" if column == "size" else "256 × 256")
        parts.append(f"### {what}\n\n{report.cost_table(kept, column)}")
    return "\n\n".join(parts)


def versions(results):
    """Rows for the table of the machine: what was compared, in which version."""
    told = next((r.pellucid for r in results if r.pellucid), {})
    detail = ", ".join(f"{told[key]}" for key in ("isa", "blasCore") if told.get(key))
    found = {row.family.split(",")[0]: row.version for r in results for row in r.rows if row.version}
    mine = found.pop("Pellucid", "")
    return [("Pellucid", f"{mine} ({detail})" if detail else mine), *found.items()]


def compose(results, training, costs, load):
    everything = [*results, training] if training else results
    parts = ["## Machine and versions", report.table(["", ""], machine.describe() + versions(everything), "---")]
    if load > 0.5:
        parts.append(f"In the minute before the first case the machine was busy: load {load:.1f} (a build counts).")
    if results:
        parts += ["## Side by side", "Pellucid's time for an evaluation, and how many times as long the others take; "
                  "above 1 Pellucid is faster.", report.summary_table(results), *map(report.case_table, results)]
    if training:
        parts += ["## Training", "Forward, loss, backward, Adam and moving average on the small network, "
                  f"{training.case.batch} patches of {training.case.size} × {training.case.size}.",
                  report.training_table(training)]
    if costs:
        parts += ["## Cost of an evaluation", "Pellucid alone. GFLOP are those of direct convolution, whatever is "
                  "really computed.", costs]
    return "\n\n".join(parts)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pellucid", required=True, help="the executable")
    parser.add_argument("--quick", action="store_true", help="the three most important cases, at most three rounds")
    parser.add_argument("--rounds", type=int, help="at most so many rounds per case")
    parser.add_argument("--only", help="only cases whose title holds this, such as 'small network, 64'; or training")
    parser.add_argument("--threads", type=int, default=machine.threads(), help="of every engine (default: processors)")
    parser.add_argument("--docs", help="the page to rewrite (default: Docs/Benchmarks.md; with --quick or --only none)")
    parser.add_argument("--json", help="also write all figures to this file")
    parser.add_argument("--folder", help="where models and graphs go, and stay (default: a temporary folder; 1.5 GB)")
    options = parser.parse_args()
    options.pellucid = os.path.abspath(options.pellucid)
    if options.quick:
        options.rounds = min(options.rounds or 3, 3)
    if options.docs is None and not options.quick and not options.only:
        options.docs = os.path.join(HERE, "..", "..", "Docs", "Benchmarks.md")
    return options


def check(options):
    """One small evaluation and a look at the page, before minutes are spent."""
    trial = Pellucid(options.pellucid, SHIPPED, 64, 1, options.threads)
    trial.take(1, 0)
    if trial.failure:
        sys.exit("Pellucid cannot be measured; is it built, with `make release`?")
    lacking = {"secondsEach", "peakResidentBytes", "gigaflopPerEvaluation"} - trial.report.keys()
    if lacking:
        sys.exit(f"`pellucid bench --json` does not tell {', '.join(sorted(lacking))}")
    if options.docs:
        report.read_page(options.docs)


def measure(options, folder):
    load = machine.load()
    cases = [case for case in CASES if case.quick or not options.quick]
    cases = [case for case in cases if not options.only or options.only in case.title]
    models = {SMALL: SHIPPED}
    if any(case.network == PUBLISHED for case in cases):
        models[PUBLISHED] = import_published(options.pellucid, folder)
    others = ["onnxruntime", "openvino"]
    if not options.quick and {"avx512_bf16", "amx_bf16"} & set(machine.flags()):
        others.append("openvino-bf16")
    results = []
    for case in cases:
        results.append(run_case(case, models[case.network], options, folder, others))
        print(report.case_table(results[-1]) + "\n", flush=True)
    training, costs = None, ""
    if options.only == "training" or not options.quick and not options.only:
        training = run_case(TRAINING, SHIPPED, options, folder)
        print(report.training_table(training) + "\n", flush=True)
    if not options.quick and not options.only:
        costs = measure_costs(results, models, options)
        print(costs + "\n", flush=True)
    return results, training, compose(results, training, costs, load)


def main():
    options = parse()
    check(options)
    with tempfile.TemporaryDirectory(prefix="pellucid-bench-") as temporary:
        if options.folder:
            os.makedirs(options.folder, exist_ok=True)
        results, training, text = measure(options, options.folder or temporary)
    if not results and not training:
        sys.exit(f"no case is called {options.only}")
    everything = [*results, training] if training else results
    if options.json:
        with open(options.json, "w") as file:
            json.dump([dataclasses.asdict(one) for one in everything], file, indent=1)
    if options.docs:
        report.place(text, options.docs)
        say(f"wrote {os.path.normpath(options.docs)}")
    elif options.quick:
        print(report.summary_table(results))
    sys.exit(1 if any(row.name == "Pellucid" and row.failure for one in everything for row in one.rows) else 0)


if __name__ == "__main__":
    main()
