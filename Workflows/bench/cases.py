"""What the benchmark measures, and what a measurement holds. A module without a command of its own."""

import dataclasses
import os
import statistics

import machine

PUBLISHED, SMALL = "published", "small"
SHIPPED = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models",
                                        "ct-denoise.safetensors"))
NAMES = {
    "pytorch": "PyTorch", "pytorch-channels-last": "PyTorch, channels last", "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO", "openvino-bf16": "OpenVINO, bf16", "pytorch-training": "PyTorch",
    "pytorch-training-channels-last": "PyTorch, channels last",
}


@dataclasses.dataclass
class Case:
    network: str
    size: int
    batch: int = 1
    repeats: int = 1  # evaluations per turn; from two on, an untimed one goes first, as caches are cold after others
    rounds: int = 5
    quick: bool = False
    training: bool = False

    @property
    def untimed(self):
        return 1 if self.repeats > 1 else 0

    @property
    def layouts(self):
        """The two ways in which PyTorch can keep images in memory; the faster one is compared."""
        first = "pytorch-training" if self.training else "pytorch"
        return [first, first + "-channels-last"]

    @property
    def title(self):
        what = "training, " if self.training else ""
        return f"{what}{self.network} network, {self.size} × {self.size}, batch {self.batch}"

    def reference_precision(self, quick):
        """float64 where memory allows: PyTorch unfolds a double-precision convolution into nine times its input."""
        widest = 256 if self.network == PUBLISHED else 96
        needed = self.size ** 2 * 9 * widest * 8 * 1.6 + 4 * 2 ** 30
        hurried = quick and self.network == PUBLISHED
        return "float32" if hurried or needed > machine.memory_bytes("MemAvailable") else "float64"


CASES = [
    Case(PUBLISHED, 256, rounds=5, quick=True),
    Case(PUBLISHED, 256, batch=4, rounds=3),
    Case(PUBLISHED, 128, repeats=2),
    Case(PUBLISHED, 512, rounds=3),
    Case(SMALL, 64, repeats=20),
    Case(SMALL, 128, repeats=10),
    Case(SMALL, 256, repeats=3, quick=True),
    Case(SMALL, 512, quick=True),
    Case(SMALL, 1024, rounds=3),
    Case(SMALL, 256, batch=8, rounds=3),
]
TRAINING = Case(SMALL, 64, batch=16, repeats=3, training=True)
COST = [  # network, what varies, (size, batch)
    (SMALL, "size", [(64, 1), (128, 1), (256, 1), (512, 1), (1024, 1)]),
    (PUBLISHED, "size", [(64, 1), (128, 1), (256, 1), (512, 1)]),
    (SMALL, "batch", [(256, 1), (256, 2), (256, 4), (256, 8)]),
    (PUBLISHED, "batch", [(256, 1), (256, 4)]),
]


@dataclasses.dataclass
class Row:
    name: str
    family: str
    version: str
    failure: str
    seconds: list
    ratio: float
    peak_bytes: int
    error: float

    median = property(lambda self: statistics.median(self.seconds))
    fastest = property(lambda self: min(self.seconds))
    slowest = property(lambda self: max(self.seconds))


@dataclasses.dataclass
class Result:
    case: Case
    rounds: int
    precision: str
    rows: list
    pellucid: dict  # the report of `pellucid bench`, with the seconds of all rounds
