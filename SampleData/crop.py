"""Cuts a block out of a NIfTI volume and moves the affine's origin along, for make_samples.sh.

usage: crop.py IN OUT COLUMN ROW SLICE COLUMNS ROWS SLICES      (first voxel and extents, stored order)
       crop.py --png IN OUT SLICE LOW HIGH                      (one slice as 8-bit grey, LOW...HIGH to 0...255)
       crop.py --slabs IN OUT THICKNESS                         (means of so many slices, at every slice)

Voxels are written as int16 in the volume's own unit (HU for CT), slope 1, with a header that holds geometry only: no
description, no file names, nothing else of the original.
"""
import gzip
import sys

import nibabel as nib
import numpy as np


def crop(source, target, first, extents):
    image = nib.load(source)
    block = tuple(slice(f, f + e) for f, e in zip(first, extents))
    values = np.asarray(image.dataobj[block])
    assert values.shape == tuple(extents), f"{source}: the block does not lie inside {image.shape}"
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array(first)
    write(target, values, affine)


def slabs(source, target, thickness):
    image = nib.load(source)
    values = np.asarray(image.dataobj).astype(np.float64)
    count = values.shape[2] - thickness + 1
    means = np.stack([values[:, :, k:k + thickness].mean(axis=2) for k in range(count)], axis=2)
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (thickness - 1) / 2
    write(target, means, affine)


def write(target, values, affine):
    voxels = np.clip(np.rint(values), -1024, 32767).astype(np.int16)
    cropped = nib.Nifti1Image(voxels, affine)
    cropped.set_sform(affine, 1)
    cropped.set_qform(affine, 1)
    cropped.header.set_xyzt_units("mm", "sec")
    cropped.header.set_slope_inter(1, 0)
    # No time and no name in the gzip header, so that the same voxels give the same bytes.
    with open(target, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(cropped.to_bytes())


def picture(source, target, index, low, high):
    from PIL import Image

    values = np.asarray(nib.load(source).dataobj[:, :, index]).astype(np.float64)
    grey = np.rint(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    # Rows of the picture are rows of the volume in stored order, as `pellucid` reads and writes them.
    Image.fromarray(grey.T).save(target, optimize=True)


if __name__ == "__main__":
    if sys.argv[1] == "--png":
        picture(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]), float(sys.argv[6]))
    elif sys.argv[1] == "--slabs":
        slabs(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        numbers = [int(a) for a in sys.argv[3:]]
        crop(sys.argv[1], sys.argv[2], numbers[:3], numbers[3:])
