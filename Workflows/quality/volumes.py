"""Volumes on disk and in the unit of a window. Arrays are [x, y, slice] as NIfTI stores them. No command of its own."""

import os

import nibabel
import numpy

# Inputs of the baselines may lie a tenth of the window beyond it: clipped noise has a bias that no averaging removes,
# and padding far below would bleed into its surroundings.
MARGIN = 0.1


def read(path):
    return nibabel.load(path).get_fdata(dtype=numpy.float32)


def write(path, values, like, affine=None):
    """Float32, so that nothing is rounded on the way; appears under its name when it is whole."""
    template = nibabel.load(like) if isinstance(like, str) else like
    header = template.header.copy()
    header.set_data_dtype(numpy.float32)
    image = nibabel.Nifti1Image(numpy.asarray(values, dtype=numpy.float32), template.affine if affine is None else affine,
                                header)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{os.getpid()}-{name}")
    nibabel.save(image, temporary)
    os.replace(temporary, path)
    return path


def cut(source, first, last, path):
    """Slices first to last of a volume as a volume of its own, which knows where it lies."""
    image = nibabel.load(source)
    if last >= image.shape[2]:
        raise SystemExit(f"{source} has {image.shape[2]} slices, and slice {last} is wanted: is it the right scan?")
    part = image.slicer[:, :, first:last + 1]
    return write(path, part.get_fdata(dtype=numpy.float32), part)


def sliding_means(source, factor, path):
    """What a scanner with slices of `factor` times the thickness would see at every slice: mean k lies amid k...k+factor-1.

    As many as `--slice-factor` makes of the thick slices: from the first to the last of them.
    """
    image = nibabel.load(source)
    values = image.get_fdata(dtype=numpy.float64)
    count = (values.shape[2] // factor - 1) * factor + 1
    means = sum(values[:, :, k:k + count] for k in range(factor)) / factor
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (factor - 1) / 2
    return write(path, means, image, affine)


def upper_end(path):
    """The 99.9th percentile: where the window of an MR scan ends."""
    return float(numpy.percentile(read(path), 99.9))


def to_unit(values, window, margin=0.0):
    low, high = window
    return numpy.clip((values - low) / (high - low), -margin, 1 + margin).astype(numpy.float32)


def from_unit(values, window):
    low, high = window
    return numpy.clip(values, 0, 1) * (high - low) + low


def psnr(image, truth):
    """Mean over slices, of arrays in the unit of the window."""
    errors = numpy.mean((numpy.clip(image, 0, 1).astype(numpy.float64) - truth) ** 2, axis=(0, 1))
    return float(numpy.mean(-10 * numpy.log10(numpy.maximum(errors, 1e-12))))
