"""What `pellucid train --pairs` wrote: scans as network values, and everything that a training run has to know of them.

The file is a .safetensors file. Its tensors are stacks of planes, [plane, row, column], as 16-bit integers: a value in
[-1, 1] times 32767. Its metadata hold the card of the model to be (`pellucid`) and what a run does (`pellucid-pairs`).
"""

import hashlib
import json
import random
import struct

import numpy as np
import torch

SCALE = 32767.0

# What this script follows of a configuration. A setting that it does not know would be left out silently.
KNOWN = {
    "loss": {"relativeToInput", "guessError", "guess", "linearBeyond", "sliceDetail", "sliceDetailAfter"},
    "patches": {"sizes", "batch", "flips"},
    "optimizer": {"steps", "learningRate", "finalLearningRate", "warmupSteps", "clipNorm", "emaDecay", "emaWarmUp"},
}


def read_header(path):
    """What the file says of itself, and where its tensors begin."""
    try:
        with open(path, "rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(length))
        header["__metadata__"]["pellucid-pairs"]
    except OSError as error:
        raise SystemExit(f"{path} cannot be read: {error.strerror}")
    except (struct.error, ValueError, KeyError, TypeError, MemoryError):
        raise SystemExit(f"{path} holds no pairs; make them with `pellucid train CONFIG.yaml --pairs`")
    return header, 8 + length


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 24):
            digest.update(block)
    return digest.hexdigest()


class Variant:
    """One way in which a scan was made worse: the planes to make, the planes that are seen, and how far apart they are."""

    def __init__(self, description, stacks):
        self.target = stacks[description["target"]]
        self.seen = stacks[description.get("condition", description["target"])]
        self.planes = description["planes"]  # of each plane that can be made: itself, then those that are seen
        self.level, self.gap = description["level"], description["gap"]
        self.input_error, self.slice_difference = description["inputError"], description["sliceDifference"]
        self.told = description["told"]


class Entry:
    """One scan."""

    def __init__(self, description, stacks):
        self.name, self.weight = description["name"], description["weight"]
        self.variants = [Variant(one, stacks) for one in description["variants"]]


class Batch:
    """Patches: conditions [n, c, h, w], targets [n, 1, h, w], and of each patch's scan the mean squared error of the input
    and the mean squared difference of neighbouring slices, [n]."""

    def __init__(self, places, told):
        self.conditions = torch.stack([place.conditions(told) for place in places])
        self.targets = torch.stack([place.image(place.variant.target, place.plane) for place in places]).unsqueeze(1)
        device = self.targets.device
        self.input_errors = torch.tensor([place.variant.input_error for place in places], device=device)
        self.slice_differences = torch.tensor([place.variant.slice_difference for place in places], device=device)


class Place:
    """A patch of one plane, and how it is turned."""

    def __init__(self, variant, index, corner, size, turn=0, level_error=1.0):
        self.variant, self.index, self.corner, self.size = variant, index, corner, size
        self.turn, self.level_error = turn, level_error

    @property
    def plane(self):
        return self.variant.planes[self.index][0]

    def image(self, stack, plane):
        (row, column), (height, width) = self.corner, self.size
        cut = stack[plane, row:row + height, column:column + width].to(torch.float32) / SCALE
        flipped = [axis for axis in (0, 1) if self.turn >> axis & 1]
        cut = cut.flip(flipped) if flipped else cut
        return cut.T if self.turn & 4 else cut

    def conditions(self, told):
        images = [self.image(self.variant.seen, plane) for plane in self.variant.planes[self.index][1:]]
        if told:
            images.append(torch.full_like(images[0], self.variant.told * self.level_error))
        return torch.stack(images)

    def next(self):
        """The same place in the next plane."""
        return Place(self.variant, self.index + 1, self.corner, self.size, self.turn, self.level_error)


class Pairs:
    """The file, with its stacks on a device."""

    def __init__(self, path, device="cpu"):
        header, start = read_header(path)
        texts = header.pop("__metadata__")
        self.sha256 = sha256(path)
        self.card, self.run = json.loads(texts["pellucid"]), json.loads(texts["pellucid-pairs"])
        unknown = [f"{part}.{key}" for part, known in KNOWN.items() for key in set(self.run[part]) - known]
        if self.run["formatVersion"] != 1 or unknown:
            raise SystemExit(f"{path} is for a newer train.py (format {self.run['formatVersion']}; {', '.join(unknown)})")
        stacks = {}
        for name, entry in header.items():
            first, last = entry["data_offsets"]
            values = np.fromfile(path, "<i2", (last - first) // 2, offset=start + first)
            if len(values) * 2 != last - first:
                raise SystemExit(f"{path} is shorter than its header says: get it again")
            stacks[name] = torch.from_numpy(values.reshape(entry["shape"]).astype(np.int16, copy=False)).to(device)
        self.training = [Entry(one, stacks) for one in self.run["training"]]
        self.validation = [Entry(one, stacks) for one in self.run["validation"]]
        self.told = self.card.get("noiseLevel") is not None

    def batch(self, step, pairs):
        """The patches of a step, which depend on the seed and the step alone; in `pairs` every second patch is that of the
        next plane at the same place."""
        settings = self.run["patches"]
        draw = random.Random(f"{self.card['training']['seed']}, patches, {step}")
        size, smallest = draw.choice(settings["sizes"]), min(settings["sizes"])
        count = max(1, settings["batch"] * smallest ** 2 // size ** 2)
        places = []
        for _ in range(max(1, count // 2) if pairs else count):
            place = self._place(draw, size, pairs)
            places += [place, place.next()] if pairs else [place]
        return Batch(places, self.told)

    def _place(self, draw, size, pairs):
        entry = draw.choices(self.training, [one.weight for one in self.training])[0]
        variant = draw.choice(entry.variants)
        index = draw.randrange(len(variant.planes) - (1 if pairs else 0))
        _, rows, columns = variant.target.shape
        corner = draw.randrange(rows - size + 1), draw.randrange(columns - size + 1)
        turn = draw.randrange(8) if self.run["patches"]["flips"] else 0
        level_error = 1 + self.run["noiseLevelJitter"] * (2 * draw.random() - 1)
        return Place(variant, index, corner, (size, size), turn, level_error)

    def held_out(self):
        """Centres of evenly spaced planes of what is never trained on: name, level and batch of each scan and strength."""
        settings = self.run["report"]
        multiple = 1 << (len(self.card["architecture"]["channelMultipliers"]) - 1)
        for entry in self.validation:
            for variant in entry.variants:
                _, rows, columns = variant.target.shape
                size = tuple(min(settings["validationSize"], extent // multiple * multiple) for extent in (rows, columns))
                corner = (rows - size[0]) // 2, (columns - size[1]) // 2
                count = min(settings["validationSlices"], len(variant.planes))
                indices = [(2 * k + 1) * len(variant.planes) // (2 * count) for k in range(count)]
                name = f"{entry.name}, {variant.gap} apart" if variant.gap else entry.name
                yield name, variant.level, Batch([Place(variant, i, corner, size) for i in indices], self.told)
