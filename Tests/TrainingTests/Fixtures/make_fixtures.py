"""Makes `objective.safetensors`: what the training objective of Workflows/pytorch says of made-up batches.

    python make_fixtures.py          (needs torch and numpy; made with torch 2.13, any recent version will do)
    python make_fixtures.py --check  compares what is stored with what it says now

All is computed in double precision from inputs that are exact in float32; gradients are PyTorch's own. Blocks of 16 pixels
do not fit the images of 18, so that those at the edges are smaller.
"""

import json
import os
import struct
import sys

import numpy as np
import torch

folder = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(folder, "..", "..", "..", "Workflows", "pytorch"))
from objective import Objective  # noqa: E402
from pairs import Batch  # noqa: E402

torch.set_default_dtype(torch.float64)
LABELS = [0, 99, 199, 299, 399, 499, 599, 699, 799, 899, 999]
POSITIONS = [0, 0, 7, 7]  # slices that are compared share a label
SHARES = [0.0, 0.25, 0.5, 1.0]
INPUT_ERRORS, SLICE_DIFFERENCES = [0.5, 0.5, 2.0, 2.0], [0.25, 0.25, 1.0, 1.0]
PLAIN = dict(relativeToInput=False, guessError=0, guess="start", sliceDetail=0, sliceDetailAfter=0)
DATA = dict(kind="data", skip="none", residualScale=1, clampData=True)
CONDITION = dict(DATA, skip="condition", residualScale=0.1)

# name: task, conditions that are seen, those a prediction starts from, prediction, loss, whether the guess is the network's own
CASES = {
    "noise": ("denoise", 1, [0], dict(DATA, kind="noise"), PLAIN, False),
    "velocity": ("denoise", 1, [0], dict(DATA, kind="velocity"), PLAIN, False),
    "relative": ("denoise", 1, [0], CONDITION, dict(PLAIN, relativeToInput=True, guessError=1), False),
    "follows-noise": ("denoise", 2, [0], dict(CONDITION, residualFollowsNoise=True), dict(PLAIN, relativeToInput=True), False),
    "own-guess": ("denoise", 1, [0], dict(DATA, residualScale=0.5), dict(PLAIN, guessError=1, linearBeyond=0.02), True),
    "intensity-map": ("translate", 1, [0], dict(DATA, skip="intensity-map", residualScale=0.2, intensityMap=[-1, 0.5, -0.25, 0, 1]),
                      dict(PLAIN, guessError=1), False),
    "pairs": ("denoise", 1, [0], CONDITION, dict(PLAIN, sliceDetail=10), False),
    "neighbours": ("super-resolve", 2, [0, 1], CONDITION, dict(PLAIN, relativeToInput=True, sliceDetail=20), False),
}


def inputs():
    generator = torch.Generator().manual_seed(11)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float32).double()  # noqa: E731
    images = {"conditions": 0.5 * draw(4, 2, 18, 18), "targets": 0.5 * draw(4, 1, 18, 18), "noise": draw(4, 1, 18, 18),
              "own": 0.5 * draw(4, 1, 18, 18), "output": draw(4, 1, 18, 18)}
    # What a network is told of noise is one number per image.
    images["told"] = images["conditions"].clone()
    images["told"][:, 1] = torch.tensor([0.125, 0.25, 0.5, 1.0])[:, None, None]
    return images


def alphas_cumprod():
    return torch.cumprod(1 - torch.linspace(1e-4, 2e-2, 1000), dim=0)


def case(name, images):
    task, seen, centres, prediction, loss, own = CASES[name]
    table = alphas_cumprod()[LABELS]
    card = dict(prediction=prediction, task=task, labelSet=dict(labels=LABELS))
    run = dict(centres=centres, loss=loss, signal=table.sqrt().tolist(), noise=(1 - table).sqrt().tolist(),
               labelWeights=[1 + 0.5 * i for i in range(len(LABELS))])
    objective = Objective(card, run)
    batch = Batch.__new__(Batch)
    batch.conditions = (images["told"] if name == "follows-noise" else images["conditions"])[:, :seen]
    batch.targets = images["targets"]
    batch.input_errors, batch.slice_differences = torch.tensor(INPUT_ERRORS), torch.tensor(SLICE_DIFFERENCES)
    if name == "neighbours":
        batch.slice_differences[1] = 0  # slices that are all alike count nothing
    shares = torch.tensor(SHARES) if loss["guessError"] else torch.zeros(4)
    problem = objective.problem(batch, POSITIONS, images["noise"], shares, images["own"] if own else None)
    output = images["output"].clone().requires_grad_(True)
    value = objective.loss(output, problem, batch, objective.comparison(1))
    value.backward()
    data = objective.data(images["output"][2:], problem.noisy[2:], POSITIONS[2], batch.conditions[2:])
    return {"noisy": problem.noisy, "loss": value.detach().reshape(1), "gradient": output.grad, "data": data}


def safetensors(tensors):
    header, blobs, offset = {}, [], 0
    for key, value in tensors.items():
        blob = np.ascontiguousarray(value.numpy(), dtype="<f4").tobytes()
        header[key] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(blobs)


def check(made, path):
    """What is computed in double precision may differ in the last bits of a float, and in nothing else."""
    with open(path, "rb") as file:
        stored = file.read()
    start = 8 + struct.unpack("<Q", stored[:8])[0]
    if len(stored) != len(made) or stored[:start] != made[:start]:
        sys.exit(f"{path} holds other tensors")
    a, b = (np.frombuffer(one, "<f4", offset=start) for one in (stored, made))
    if not np.allclose(a, b, rtol=1e-5, atol=1e-7):
        sys.exit(f"{path} differs by up to {np.abs(a - b).max()}")
    print("as stored")


images = inputs()
tensors = dict(images)
for name in CASES:
    tensors.update({f"{name}.{key}": value for key, value in case(name, images).items()})
    print(name, tensors[f"{name}.loss"].item())
path = os.path.join(folder, "objective.safetensors")
if "--check" in sys.argv:
    check(safetensors(tensors), path)
else:
    with open(path, "wb") as file:
        file.write(safetensors(tensors))
