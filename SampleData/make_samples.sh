#!/bin/bash
# Makes every file of this folder from the LIDC-IDRI-0001 chest CT (see NOTICE). Only its slices 112 to 132 are used:
# the part that no model in this repository was trained on.
#
# usage: SampleData/make_samples.sh CT_CHEST_LIDC0001.nii.gz     (needs a release build, and Python with nibabel and pillow)
set -euo pipefail
source_ct=$(readlink -f "$1")
cd "$(dirname "$0")"
pellucid=${PELLUCID:-../.build/release/pellucid}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The held-out slices at full width: the dose is simulated on whole slices, because the projections need all of them.
"$python" crop.py "$source_ct" "$work/full.nii.gz" 0 0 112 512 512 21
# Dose and scanner are those that ct-denoise was trained for (Workflows/training/ct-denoise.yaml), the seed is not.
"$pellucid" degrade "$work/full.nii.gz" -o "$work/low.nii.gz" --kind low-dose-ct --dose 0.1 --photons 1200000 \
  --views 720 --electronic-noise 5 --apodisation 0 --seed 20240

# The same 256 x 256 x 12 block of both: lungs, ribs, a vertebra, the trachea and the great vessels.
"$python" crop.py "$work/full.nii.gz" ct-fulldose.nii.gz 160 125 0 256 256 12
"$python" crop.py "$work/low.nii.gz" ct-lowdose.nii.gz 160 125 0 256 256 12

# One slice of the low-dose block as a picture, -1000...1000 HU to 0...255.
"$python" crop.py --png ct-lowdose.nii.gz ct-lowdose-slice.png 6 -1000 1000
