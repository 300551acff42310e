"""Runs shipped models in PyTorch on the pairs of their configurations, and compares what they reach on the slices that are
held out with what `pellucid train` found there, which stands in their cards.

    python shipped_models.py --pellucid ../../.build/release/pellucid --data-folder DATA [MODEL ...]

It needs torch and numpy. The starting noise is another one, so figures agree to some hundredths of a decibel where a prediction
hardly depends on it; what is compared fails beyond 0.3 dB. Where the input is made with random noise, that of the pairs is the
same as that of the training.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile

import torch

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "pytorch"), os.path.join(here, "..", "bench")]
from networks import build, read_header  # noqa: E402
from objective import Objective  # noqa: E402
from pairs import Pairs  # noqa: E402
from train import psnr  # noqa: E402

workflows = os.path.join(here, "..")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pellucid", required=True, help="the executable")
    parser.add_argument("--data-folder", required=True, help="where the configurations' scans are")
    parser.add_argument("--tolerance", type=float, default=0.3, help="dB (default 0.3)")
    parser.add_argument("models", nargs="*", default=["mr-superres", "mr-t1-to-t2", "mr-t2-to-t1"])
    return parser.parse_args()


def figures(model, pairs):
    """Name and level of what is held out, and PSNR of input, one evaluation and DDIM."""
    objective, network = Objective(pairs.card, pairs.run), build(model)
    for name, level, batch in pairs.held_out():
        start = torch.randn(batch.targets.shape, generator=torch.Generator().manual_seed(1))
        given = objective.start(batch.conditions)
        with torch.no_grad():
            images = [objective.centre(batch.conditions) if given is None else given,
                      objective.evaluate(network, start, len(objective.labels) - 1, batch.conditions),
                      objective.sample(network, start, batch.conditions)]
        yield name, level, [psnr(one, batch.targets) for one in images]


def compare(name, options, folder):
    pairs, model = os.path.join(folder, "pairs.safetensors"), os.path.join(workflows, "models", f"{name}.safetensors")
    subprocess.run([options.pellucid, "train", os.path.join(workflows, "training", f"{name}.yaml"), "--data-folder",
                    options.data_folder, "--pairs", "-o", pairs, "--if-exists", "replace"], check=True,
                   stdout=subprocess.DEVNULL)
    stored = read_header(model)[1]["quality"]
    worst = 0
    for row, (data, level, found) in zip(stored, figures(model, Pairs(pairs)), strict=True):
        known = [row["figures"][key] for key in ("psnrInput", "psnrOneEvaluation", "psnr")]
        if row["data"] != data:
            sys.exit(f"{name}: the card has {row['data']} where the pairs have {data}")
        # What is no number is no agreement.
        worst = max([worst] + [abs(a - b) if math.isfinite(b) else math.inf for a, b in zip(known, found)])
        print(f"{name}, {data}, level {level:g}: " + ", ".join(f"{a:.2f} / {b:.2f}" for a, b in zip(known, found)))
    return worst


def main():
    options = arguments()
    print("PSNR in dB, Pellucid / PyTorch: input, one evaluation, DDIM over all labels")
    with tempfile.TemporaryDirectory() as folder:
        worst = max(compare(name, options, folder) for name in options.models)
    print(f"largest difference {worst:.2f} dB")
    sys.exit(0 if worst < options.tolerance else 1)


main()
