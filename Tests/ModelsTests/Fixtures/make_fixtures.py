"""Makes the fixtures in this folder: checkpoints as PyTorch saves them, and what PyTorch computes with their weights.

    python make_fixtures.py          (needs torch and numpy; made with torch 2.15, any recent version will do)

All checkpoints but `three-channels.pth` hold the same small network. To keep them small, every large tensor is a strided
view of one of two pools of 4096 numbers; small tensors have a storage of their own. The numbers are exact in float16 and
bfloat16, so that a file in another precision must import to the same bits.
"""

import collections
import json
import os
import struct
import sys
import warnings

import numpy as np
import torch

folder = os.path.dirname(os.path.abspath(__file__))
workflows = os.path.join(folder, "..", "..", "..", "Workflows")
sys.path[:0] = [os.path.join(workflows, "pytorch"), os.path.join(workflows, "parity")]
from network import UNet  # noqa: E402
from reference_ddim import ddim  # noqa: E402

warnings.filterwarnings("ignore")
torch.manual_seed(2024)
torch.set_num_threads(1)
SHAPE = dict(base=32, multipliers=(1, 2), blocks=1, attention=(1,))
STRIDES = {4: (23, 11, 5, 2), 2: (7, 3)}


def pool(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-61, 62, (4096,), generator=generator).float() / 1024


def weights(network, seed, own=True):
    """Values for every parameter of the network, by name, in registration order."""
    numbers = pool(seed)
    strong = numbers * 8  # or the label would hardly matter
    out = collections.OrderedDict()
    for index, (name, parameter) in enumerate(network.state_dict().items()):
        shape, offset = tuple(parameter.shape), (index * 7) % 64
        if parameter.numel() > 600:
            source = strong if "temb" in name else numbers
            out[name] = source.as_strided(shape, STRIDES[len(shape)][: len(shape)], offset)
        else:
            values = numbers[offset : offset + parameter.numel()].reshape(shape)
            if "norm" in name and name.endswith("weight"):
                values = 1 + torch.round(values * 512) / 128
            out[name] = values.clone() if own else values
    return out


def prefixed(values, metadata):
    out = collections.OrderedDict(("module." + name, value) for name, value in values.items())
    out._metadata = metadata
    return out


def save(value, name, **options):
    torch.save(value, os.path.join(folder, name), **options)


def checkpoints(network, good, other):
    metadata = network.state_dict()._metadata
    zero = torch.zeros(1)
    average = {name: zero.expand(value.shape) for name, value in good.items()}
    state = {i: {"step": torch.tensor(7.0), "exp_avg": m, "exp_avg_sq": m} for i, m in enumerate(average.values())}
    group = dict(lr=2e-5, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, params=list(range(len(good))))
    save([prefixed(other, metadata), {"state": state, "param_groups": [group]}, 3, 1234, dict(good)], "official.pth")
    save([prefixed(good, metadata)], "list-of-one.pth")
    save(dict(good), "bare.pth")
    as_parameters = {k: torch.nn.Parameter(v) if "bias" in k else v for k, v in good.items()}
    save({"epoch": 3, "best": None, "name": "tiny", "state_dict": as_parameters}, "state-dict.pth")
    kinds = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
    big = {kind: pool(1).to(kind) for kind in kinds}
    mixed = collections.OrderedDict()
    for index, (name, value) in enumerate(good.items()):
        kind = kinds[index % 4]
        shared = value.numel() > 600
        source = big[kind] * 8 if "temb" in name else big[kind]
        mixed[name] = source.as_strided(value.shape, value.stride(), value.storage_offset()) if shared else value.to(kind)
    save(prefixed(mixed, metadata), "mixed-precision.pth")
    save([good["conv_in.bias"]], "before-1.6.pth", _use_new_zipfile_serialization=False)


def write_safetensors(name, tensors):
    """An independent writer of the format: header length, JSON header, blobs."""
    header, blobs, offset = {}, [], 0
    for key, value in tensors.items():
        blob = np.ascontiguousarray(value, dtype="<f4").tobytes()
        header[key] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def directions(count, number=4):
    """`number` fixed vectors that any language can make: 16 bits of an integer hash, minus a half."""
    i = np.arange(count, dtype=np.uint64)
    rows = [(((i * 2654435761 + j * 40503 + 12345) % 2**32) >> 16) / 65536 - 0.5 for j in range(number)]
    return np.stack(rows)


def forward_and_gradients(network):
    """Two non-square images with different labels. The gradients are of sum(output * seed), computed in double; of each
    the first 64 elements, four projections and the norm are kept."""
    x, seed = torch.randn(2, 2, 16, 24), torch.randn(2, 1, 16, 24)
    labels = torch.tensor([999, 199])
    with torch.no_grad():
        output = network(x, labels)
    write_safetensors("forward.safetensors", {"input": x, "labels": labels, "output": output})
    double = network.double()
    variable = x.double().requires_grad_(True)
    result = double(variable, labels)
    print("float32 against float64, forward:", (result - output).abs().max().item() / result.abs().max().item())
    (result * seed).sum().backward()
    kept = {"seed": seed, "input-gradient": variable.grad}
    for name, parameter in double.named_parameters():
        flat = parameter.grad.reshape(-1).numpy()
        kept["head." + name] = flat[:64]
        kept["projection." + name] = directions(len(flat)) @ flat
        kept["norm." + name] = np.linalg.norm(flat, keepdims=True)
    write_safetensors("gradients.safetensors", kept)
    network.float()


def ten_steps(network):
    condition, start = torch.rand(1, 1, 16, 16) * 2 - 1, torch.randn(1, 1, 16, 16)
    result = ddim(network, condition, start)
    exact = ddim(network.double(), condition.double(), start.double())
    network.float()
    print("float32 against float64, ten steps:", (result - exact).abs().max().item() / exact.abs().max().item())
    print("result:", result.min().item(), result.max().item())
    write_safetensors("ten-steps.safetensors", {"condition": condition, "start": start, "result": result})


small = UNet(inputs=2, **SHAPE)
good, other = weights(small, seed=1), weights(small, seed=2, own=False)
checkpoints(small, good, other)
wide = UNet(inputs=3, **SHAPE)
save([prefixed(weights(wide, seed=3, own=False), wide.state_dict()._metadata)], "three-channels.pth")
small.load_state_dict({name: value.contiguous() for name, value in good.items()})
forward_and_gradients(small)
ten_steps(small)
