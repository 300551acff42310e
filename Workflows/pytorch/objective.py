"""The training loss of a conditional diffusion model, as `pellucid train` has it (`DiffusionObjective.swift`,
`SliceDetailLoss.swift`), which says where each part is from.

Images are [n, 1, h, w] in network units, conditions [n, c, h, w].
"""

import torch
from torch.nn import functional as F

BLOCK = 16  # the side of the blocks in which the differences of slices are compared


class Problem:
    """What a step feeds to the network and compares its output with."""

    def __init__(self, noisy, labels, goal, weights, scales):
        self.noisy, self.labels, self.goal, self.weights, self.scales = noisy, labels, goal, weights, scales


class Objective:
    def __init__(self, card, run):
        self.prediction, self.task = card["prediction"], card["task"]
        self.labels = card["labelSet"]["labels"]
        self.centres, self.loss_settings = run["centres"], run["loss"]
        self.signal, self.noise, self.label_weights = run["signal"], run["noise"], run["labelWeights"]

    # What the output means.

    def centre(self, conditions):
        return conditions[:, self.centres].mean(dim=1, keepdim=True)

    def start(self, conditions):
        """What a data prediction is added to; None for nothing."""
        skip = self.prediction["skip"]
        if self.prediction["kind"] != "data" or skip == "none":
            return None
        centre = self.centre(conditions)
        return self._mapped(centre) if skip == "intensity-map" else centre

    def _mapped(self, images):
        """Values of [-1, 1] through the card's table, straight lines between its knots."""
        table = torch.tensor(self.prediction["intensityMap"], device=images.device)
        place = (images.clamp(-1, 1) + 1) / 2 * (len(table) - 1)
        first = place.floor().long().clamp(max=len(table) - 2)
        return table[first] + (place - first) * (table[first + 1] - table[first])

    def residual_scales(self, conditions):
        """The factor on the output of a data prediction, one per image."""
        scale = conditions.new_full((len(conditions),), self.prediction["residualScale"])
        return scale * conditions[:, -1, 0, 0] if self.prediction.get("residualFollowsNoise") else scale

    def data(self, output, noisy, position, conditions):
        """The clean images that an output stands for, at a position in the label set."""
        a, s = self.signal[position], self.noise[position]
        kind = self.prediction["kind"]
        if kind == "noise":
            data = (noisy - s * output) / a
        elif kind == "velocity":
            data = a * noisy - s * output
        else:
            start = self.start(conditions)
            data = self.residual_scales(conditions)[:, None, None, None] * output + (0 if start is None else start)
        return data.clamp(-1, 1) if self.prediction["clampData"] else data

    def evaluate(self, network, noisy, position, conditions):
        """The clean images that a network sees in noisy ones."""
        labels = torch.full((len(noisy),), self.labels[position], device=noisy.device)
        return self.data(network(torch.cat([conditions, noisy], dim=1), labels), noisy, position, conditions)

    @torch.no_grad()
    def sample(self, network, start, conditions):
        """DDIM over all labels (Song et al. 2021, eta 0)."""
        x = start
        for position in reversed(range(len(self.labels))):
            data = self.evaluate(network, x, position, conditions)
            if position == 0:
                return data
            noise = (x - self.signal[position] * data) / self.noise[position]
            x = self.signal[position - 1] * data + self.noise[position - 1] * noise

    # What a step asks.

    def comparison(self, step):
        """What slices are compared with: nothing (None), those beside them (`neighbours`) or the one before (`pairs`)."""
        if self.loss_settings["sliceDetail"] == 0 or step <= self.loss_settings["sliceDetailAfter"]:
            return None
        return "neighbours" if self.task == "super-resolve" else "pairs"

    def positions(self, count, pairs, generator):
        """Positions in the label set: half of them drawn, the others their mirror images. Slices that are compared share one."""
        wanted, total = count // 2 if pairs else count, len(self.labels)
        drawn = torch.randint(total, (wanted // 2 + 1,), generator=generator).tolist()
        mirrored = (drawn + [total - 1 - one for one in drawn])[:wanted]
        return [one for one in mirrored for _ in range(2)] if pairs else mirrored

    def problem(self, batch, positions, noise, shares, own=None):
        """The problem of given positions, noise and shares of a guess's error; the guess is `own` or the start."""
        column = lambda values: torch.tensor(values, device=noise.device)[:, None, None, None]  # noqa: E731
        a, s = column([self.signal[i] for i in positions]), column([self.noise[i] for i in positions])
        targets, start = batch.targets, self.start(batch.conditions)
        scales = self.residual_scales(batch.conditions)
        guess = start if own is None else own
        known = targets if guess is None else targets + shares[:, None, None, None] * (guess - targets)
        kind = self.prediction["kind"]
        if kind == "noise":
            goal = noise
        elif kind == "velocity":
            goal = a * noise - s * targets
        else:
            goal = (targets - (0 if start is None else start)) / scales[:, None, None, None]
        reduction = len(positions) if kind == "noise" else targets.numel()
        weights = torch.tensor([self.label_weights[i] for i in positions], device=noise.device) / reduction
        if self.loss_settings["relativeToInput"]:
            weights = weights * scales ** 2 / batch.input_errors
        labels = torch.tensor([self.labels[i] for i in positions], device=noise.device)
        return Problem(a * known + s * noise, labels, goal, weights, scales)

    def loss(self, output, problem, batch, comparison):
        errors = output - problem.goal
        squares = errors ** 2
        if self.loss_settings.get("linearBeyond"):
            bends = (self.loss_settings["linearBeyond"] / problem.scales)[:, None, None, None]
            squares = 2 * squares / (1 + torch.sqrt(1 + (errors / bends) ** 2))
        loss = (problem.weights * squares.sum(dim=(1, 2, 3))).sum()
        return loss if comparison is None else loss + self._slice_detail(errors, problem, batch, comparison)

    def _slice_detail(self, errors, problem, batch, comparison):
        later = slice(1, None, 2) if comparison == "pairs" else slice(None)
        scales, typical = problem.scales[later], batch.slice_differences[later]
        if comparison == "pairs":
            truth, wrong = batch.targets[1::2] - batch.targets[::2], errors[1::2] - errors[::2]
        else:
            truth, wrong = batch.targets - self.centre(batch.conditions), errors
        predicted = truth + scales[:, None, None, None] * wrong
        pixels = block_sizes(truth)
        # Slices that are all alike have no difference to learn: they count nothing, and divide by nothing.
        delta = torch.where(typical > 0, typical, torch.ones_like(typical))[:, None, None, None]
        own, goal = block_means(predicted ** 2) + delta, block_means(truth ** 2) + delta
        terms = (pixels * (torch.log(own / goal) + goal / own - 1)).sum(dim=(1, 2, 3))
        factors = self.loss_settings["sliceDetail"] * problem.weights[later] * typical / scales ** 2
        return (factors * terms).sum()


def block_means(images):
    return F.avg_pool2d(images, BLOCK, ceil_mode=True, count_include_pad=False)


def block_sizes(images):
    """Pixels in each block; those at the lower and right edge may be smaller."""
    sides = [torch.tensor([min(BLOCK, extent - at) for at in range(0, extent, BLOCK)], device=images.device)
             for extent in images.shape[2:]]
    return sides[0][:, None] * sides[1][None, :]
