"""Compares `pellucid run` with PyTorch on the published network (113.67 M parameters), from the same checkpoint and the
same starting noise.

    python full_network.py --pellucid ../../.build/release/pellucid [--size 256] [--folder DIR]

It needs torch, numpy and nibabel, about 2 GB of memory and disk, and at size 256 a minute of PyTorch. The weights are
random: whether two programs compute the same does not depend on what was learned. The noise and the last layer are
scaled so that the result stays inside the intensity window, where nothing is clipped.
"""

import argparse
import collections
import os
import subprocess
import sys
import tempfile
import time

import nibabel
import numpy as np
import torch

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "pytorch")]
from network import UNet  # noqa: E402
from reference_ddim import ddim  # noqa: E402

WINDOW = 1000.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pellucid", required=True, help="the executable")
    parser.add_argument("--size", type=int, default=256, help="rows, a multiple of 32; columns are fewer (default 256)")
    parser.add_argument("--folder", help="where the files go, and stay (default: a temporary folder)")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="largest difference over largest value")
    return parser.parse_args()


def make_checkpoint(path):
    """The network with its default initialisation, as the official script saves it (without the optimiser)."""
    torch.manual_seed(1244)
    network = UNet()
    with torch.no_grad():
        network.conv_out.weight *= 0.001
        network.conv_out.bias *= 0.001
    print(f"{sum(p.numel() for p in network.parameters())} parameters")
    state = collections.OrderedDict(("module." + name, value) for name, value in network.state_dict().items())
    torch.save([state], path)
    return network.eval()


def smooth_image(rows, columns):
    y, x = np.mgrid[0:rows, 0:columns] / rows
    return (600 * np.sin(7 * x + 3 * y) * np.cos(5 * y) + 250 * ((x - 0.4) ** 2 + (y - 0.5) ** 2 < 0.08)).astype(np.float32)


def save_volume(image, path):
    """An image of rows and columns as a NIfTI volume of (columns, rows, 1)."""
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(image.T[:, :, None]), np.diag([1.0, 1.0, 1.0, 1.0])), path)


def call(command):
    print("$", " ".join(command), flush=True)
    started = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - started


def main():
    options = arguments()
    folder = options.folder or tempfile.mkdtemp(prefix="parity-")
    os.makedirs(folder, exist_ok=True)
    paths = {name: os.path.join(folder, name) for name in
             ("ckpt.pth", "model.safetensors", "input.nii", "noise.nii", "result.nii")}
    if options.size % 32 or options.size < 32:
        sys.exit("--size must be a multiple of 32, or the two sides would pad differently")
    rows, columns = options.size, max(32, options.size * 3 // 4 // 32 * 32)
    network = make_checkpoint(paths["ckpt.pth"])
    image = smooth_image(rows, columns)
    noise = 0.001 * np.random.default_rng(5).standard_normal((rows, columns)).astype(np.float32)
    save_volume(image, paths["input.nii"])
    save_volume(noise, paths["noise.nii"])
    call([options.pellucid, "models", "import", paths["ckpt.pth"], "-o", paths["model.safetensors"], "--label-set",
          "uniform-10", "--task", "denoise", "--modality", "CT", f"--window={-WINDOW:g},{WINDOW:g}", "--if-exists",
          "replace"])
    seconds = call([options.pellucid, "run", paths["input.nii"], "-o", paths["result.nii"], "--model",
                    paths["model.safetensors"], "--noise", paths["noise.nii"], "--dtype", "float32", "--if-exists",
                    "replace"])
    started = time.perf_counter()
    with torch.no_grad():
        expected = ddim(network, torch.tensor(image)[None, None] / WINDOW, torch.tensor(noise)[None, None])
    print(f"PyTorch {torch.__version__}: {time.perf_counter() - started:.1f} s, pellucid run: {seconds:.1f} s")
    expected = expected[0, 0].numpy() * WINDOW
    result = np.asarray(nibabel.load(paths["result.nii"]).dataobj)[:, :, 0].T
    if np.abs(expected).max() >= WINDOW:
        sys.exit("the reference leaves the window; the comparison would compare clipped values")
    difference = np.abs(result - expected).max() / np.abs(expected).max()
    print(f"values {expected.min():.1f} to {expected.max():.1f}; largest difference over largest value {difference:.2e}")
    sys.exit(0 if difference < options.tolerance else 1)


main()
