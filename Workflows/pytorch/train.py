"""Trains a model in PyTorch, on a GPU where there is one, as `pellucid train` would on a processor.

    pellucid train CONFIG.yaml --data-folder DATA --pairs -o pairs.safetensors
    python train.py pairs.safetensors -o checkpoint.pth
    pellucid models import checkpoint.pth --pairs pairs.safetensors -o model.safetensors --half

The pairs hold the scans, made worse and scaled, and the whole of the configuration: nothing else is needed here, neither
Pellucid nor the scans. The checkpoint has the form of the published ones. A run that was stopped goes on with --resume.
"""

import argparse
import json
import math
import os
import signal
import sys
import time

import torch

from network import UNet
from objective import Objective
from pairs import Pairs


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", help="what `pellucid train --pairs` wrote")
    parser.add_argument("-o", "--output", required=True, help="the checkpoint (.pth)")
    parser.add_argument("--steps", type=int, help="steps of the whole run, instead of the configuration's")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    parser.add_argument("--device", help="such as cuda:1 or cpu (default: a GPU if there is one)")
    parser.add_argument("--tf32", action="store_true", help="let a GPU round products to 10 bits, which is faster")
    return parser.parse_args()


class Run:
    def __init__(self, options):
        if options.device is None and not torch.cuda.is_available():
            print("warning: torch finds no GPU; training on the processor", file=sys.stderr)
        self.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = options.tf32
        self.path, self.pairs = options.output, Pairs(options.pairs, self.device)
        self.objective = Objective(self.pairs.card, self.pairs.run)
        self.settings, self.seed = self.pairs.run["optimizer"], self.pairs.card["training"]["seed"]
        self.step = 0
        torch.manual_seed(self.seed)
        self.network = UNet.of_card(self.pairs.card["architecture"])
        if self.objective.prediction["skip"] != "none":  # then it starts as what it is added to
            torch.nn.init.zeros_(self.network.conv_out.weight)
            torch.nn.init.zeros_(self.network.conv_out.bias)
        self.network.to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.settings["learningRate"])
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
        if os.path.exists(self.path):
            if not options.resume:
                raise SystemExit(f"{self.path} exists: go on with --resume, or choose another name")
            self.load()
        # Of a run that goes on, the steps that it was started with; they decide the learning rate.
        kept = self.optimizer.param_groups[0].get("steps", self.settings["steps"])
        self.steps = kept if options.steps is None else options.steps
        self.optimizer.param_groups[0]["steps"] = self.steps
        try:  # What cannot be written is better known now.
            os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
            open(self.path + ".part", "wb").close()
        except OSError as error:
            raise SystemExit(f"{self.path} cannot be written: {error.strerror}")

    def load(self):
        # Adam's counters belong on the processor: on a GPU each would be waited for in every step.
        kept = torch.load(self.path, map_location="cpu", weights_only=True)
        trained, optimizer, pairs, self.step, average = kept
        self.average = {name: value.to(self.device) for name, value in average.items()}
        if pairs != self.pairs.sha256:
            raise SystemExit(f"{self.path} was trained on other pairs (SHA-256 {pairs}): choose another name")
        self.network.load_state_dict(trained)
        self.optimizer.load_state_dict(optimizer)

    def save(self):
        """The list of the published code: weights, optimiser, (there the epoch) the pairs' SHA-256, step, moving average.

        Written whole or not at all.
        """
        part = self.path + ".part"
        torch.save([self.network.state_dict(), self.optimizer.state_dict(), self.pairs.sha256, self.step, self.average], part)
        os.replace(part, self.path)

    def learning_rate(self, step):
        """A linear rise, then half a cosine from the largest to the last."""
        high, low, warm = (self.settings[key] for key in ("learningRate", "finalLearningRate", "warmupSteps"))
        progress = min(1, (step - 1) / (self.steps - 1)) if self.steps > 1 else 1
        decayed = low + (high - low) * 0.5 * (1 + math.cos(math.pi * progress))
        return decayed * min(1, step / warm) if warm else decayed

    def take_step(self):
        step, objective, settings = self.step + 1, self.objective, self.objective.loss_settings
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + step) % (1 << 63))
        comparison = objective.comparison(step)
        batch = self.pairs.batch(step, comparison == "pairs")
        count = len(batch.targets)
        positions = objective.positions(count, comparison == "pairs", generator)
        noise = torch.randn(batch.targets.shape, generator=generator).to(self.device)
        shares = settings["guessError"] * torch.rand(count, generator=generator).to(self.device)
        own = None
        if settings["guess"] == "own" and settings["guessError"] > 0:
            with torch.no_grad():
                own = objective.evaluate(self.network, noise, len(objective.labels) - 1, batch.conditions)
        problem = objective.problem(batch, positions, noise, shares, own)
        output = self.network(torch.cat([batch.conditions, problem.noisy], dim=1), problem.labels)
        loss = objective.loss(output, problem, batch, comparison)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.get("clipNorm") or math.inf)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise SystemExit(f"loss or gradient is no longer a number at step {step}: lower learningRate or set clipNorm")
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        self.optimizer.step()
        decay = self.settings["emaDecay"]
        decay = min(decay, (1 + step) / (10 + step)) if self.settings["emaWarmUp"] else decay
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)
        self.step = step
        return loss.item()

    @torch.no_grad()
    def validate(self):
        """PSNR over the intensity range of what is held out, with the moving average: input, one evaluation, DDIM."""
        network = UNet.of_card(self.pairs.card["architecture"]).to(self.device)
        network.load_state_dict(self.average)
        last = len(self.objective.labels) - 1
        for name, level, batch in self.pairs.held_out():
            generator = torch.Generator().manual_seed(self.seed)
            start = torch.randn(batch.targets.shape, generator=generator).to(self.device)
            given = self.objective.start(batch.conditions)
            given = self.objective.centre(batch.conditions) if given is None else given
            images = {"input": given, "one evaluation": self.objective.evaluate(network, start, last, batch.conditions),
                      "DDIM": self.objective.sample(network, start, batch.conditions)}
            figures = ", ".join(f"{key} {psnr(value, batch.targets):.2f}" for key, value in images.items())
            print(f"step {self.step}: {name}, level {level:g}: PSNR {figures} dB", flush=True)

    def go(self):
        report, losses, started = self.pairs.run["report"], [], time.monotonic()
        saved = started
        scalars = sum(value.numel() for value in self.network.parameters())
        print(f"{self.pairs.card['name']}: {scalars} parameters on {self.device}, from step {self.step}", flush=True)
        stop = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: stop.append(number))
        while self.step < self.steps:
            if stop:
                self.save()
                print(f"stopped at step {self.step}; go on with --resume", file=sys.stderr)
                sys.exit(128 + stop[0])
            losses.append(self.take_step())
            at_end = self.step == self.steps
            if self.step % report["logEvery"] == 0 or at_end:
                line = {"step": self.step, "loss": sum(losses) / len(losses), "rate": self.learning_rate(self.step),
                        "seconds": round(time.monotonic() - started, 1)}
                print(json.dumps(line), flush=True)
                losses = []
            minutes = (time.monotonic() - saved) / 60
            if self.step % report["checkpointEvery"] == 0 or minutes > report["checkpointMinutes"] or at_end:
                self.save()
                saved = time.monotonic()
            if report["validateEvery"] and (self.step % report["validateEvery"] == 0 or at_end):
                self.validate()


def psnr(images, targets):
    errors = ((images.clamp(-1, 1) - targets) ** 2).mean(dim=(1, 2, 3)).clamp(min=1e-12)
    return (10 * torch.log10(4 / errors)).mean().item()


if __name__ == "__main__":
    Run(arguments()).go()
