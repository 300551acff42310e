"""The networks and the input of the benchmark: reads a Pellucid model into PyTorch, exports it, computes what is right.

Each command below is a short process of its own, so that what it takes in memory is gone when engines are measured:

    python networks.py checkpoint -o ckpt.pth                 the published network with random weights
    python networks.py onnx --model M --size S --batch B -o network.onnx
    python networks.py reference --model M --size S --batch B --precision float64 -o reference.npy

`reference.npy` holds the network's raw output as [n, row, column, channel]. torch is imported only where it is needed:
the processes of the other engines read the model's card and the input from here without it.
"""

import argparse
import collections
import json
import os
import struct
import sys

import numpy as np

LABEL = 500
FORMATS = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pytorch"))


def read_header(path):
    """The tensors' entries, the model's card, and where the tensors' bytes begin."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
    card = json.loads(header.pop("__metadata__")["pellucid"])
    return header, card, 8 + length


def read_architecture(path):
    return read_header(path)[1]["architecture"]


def read_weights(path):
    """Name to float32 array, in PyTorch's layout, which is the file's. float32 is mapped from the file, not copied."""
    header, _, start = read_header(path)
    weights = {}
    for name, entry in header.items():
        kind = FORMATS[entry["dtype"]]
        count = (entry["data_offsets"][1] - entry["data_offsets"][0]) // kind.itemsize
        # "c": writable as far as torch can tell, but never written back
        flat = np.memmap(path, kind, "c", start + entry["data_offsets"][0], (count,))
        weights[name] = np.asarray(flat.astype(np.float32, copy=False)).reshape(entry["shape"])
    return weights


def fixed_input(channels, size, batch):
    """The input that `pellucid bench` also makes, as [n, channel, row, column]."""
    n, channel, row, column = np.ogrid[0:batch, 0:channels, 0:size, 0:size]
    wave = np.sin(0.013 * (row + 1) * (channel + 1) + 0.029 * (column + 1) + 0.5 * n)
    return np.ascontiguousarray(wave, dtype=np.float32)


def build(path):
    """The reference network with the weights of a Pellucid model."""
    import torch
    from network import UNet

    with torch.device("meta"):
        network = UNet.of_card(read_architecture(path))
    state = {name: torch.from_numpy(value) for name, value in read_weights(path).items()}
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval()


def write_checkpoint(path):
    """The published architecture with default initialisation, saved as the official script saves it."""
    import torch
    from network import UNet

    torch.manual_seed(1244)
    state = UNet().state_dict()
    torch.save([collections.OrderedDict(("module." + name, value) for name, value in state.items())], path)


def write_onnx(model, size, batch, path):
    """A graph of fixed shape, which every engine can plan best for. The TorchScript exporter is taken because in trials
    ONNX Runtime needed less memory, and no engine more time, than with the graph of the newer one."""
    import warnings

    import torch

    warnings.simplefilter("ignore")
    network = build(model)
    shape = (batch, read_architecture(model)["inputChannels"], size, size)
    with torch.no_grad():
        torch.onnx.export(
            network, (torch.zeros(shape), torch.full((batch,), LABEL)), path, input_names=["x", "labels"],
            output_names=["out"], opset_version=17, dynamo=False)


def write_reference(model, size, batch, precision, path):
    """The raw output, one slice after the other so that memory stays that of one. Convolutions in double precision are
    slow; the embedding's sines are float32 in either precision, as in the published code."""
    import torch

    kind = getattr(torch, precision)
    network = build(model).to(kind)
    inputs = fixed_input(read_architecture(model)["inputChannels"], size, batch)
    with torch.inference_mode():
        slices = [network(torch.from_numpy(inputs[n:n + 1]).to(kind), torch.tensor([LABEL])) for n in range(batch)]
    np.save(path, np.concatenate([one.numpy() for one in slices]).transpose(0, 2, 3, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["checkpoint", "onnx", "reference"])
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--model", help="a Pellucid model file")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--precision", choices=["float64", "float32"], default="float64")
    options = parser.parse_args()
    if options.what == "checkpoint":
        write_checkpoint(options.output)
    elif options.what == "onnx":
        write_onnx(options.model, options.size, options.batch, options.output)
    else:
        write_reference(options.model, options.size, options.batch, options.precision, options.output)


if __name__ == "__main__":
    main()
