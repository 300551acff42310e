#!/bin/bash
# Makes every file of this folder from three sources (see NOTICE): slices 112 to 132 of the chest CT LIDC-IDRI-0001, a head
# MR of ITK's test data, which no model in this repository was trained on, and slices 130 to 141 of BrainWeb's simulated head.
#
# usage: SampleData/make_samples.sh CT_CHEST_LIDC0001.nii.gz MR_T1_PHILIPS_AXIAL_VAULT.nii.gz BRAINWEB_T1.nii.gz BRAINWEB_T2.nii.gz
#        (needs a release build, and Python with nibabel and pillow)
set -euo pipefail
source_ct=$(readlink -f "$1")
source_mr=$(readlink -f "$2")
source_t1=$(readlink -f "$3")
source_t2=$(readlink -f "$4")
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

# A head from the orbits' roof to above the ventricles, as 12 slices with noise of 8 % of the brightest tissue ...
"$python" crop.py "$source_mr" "$work/head.nii.gz" 48 44 14 160 192 24
"$python" crop.py "$work/head.nii.gz" mr-clean.nii.gz 0 0 6 160 192 12
"$pellucid" degrade mr-clean.nii.gz -o "$work/noisy.nii.gz" --kind rician --sigma 0.08 --seed 20241
"$python" crop.py "$work/noisy.nii.gz" mr-noisy.nii.gz 0 0 0 160 192 12
# ... and as 12 slices of 2 mm, with what a scanner would have seen at and between them.
"$pellucid" degrade "$work/head.nii.gz" -o "$work/thick.nii.gz" --kind thick-slices --factor 2 --seed 0
"$python" crop.py "$work/thick.nii.gz" mr-thick.nii.gz 0 0 0 160 192 12
"$python" crop.py --slabs "$work/head.nii.gz" mr-between.nii.gz 2

# One simulated head in two contrasts, from slices that the translating models were not trained on.
"$python" crop.py "$source_t1" mr-t1.nii.gz 10 12 130 160 192 12
"$python" crop.py "$source_t2" mr-t2.nii.gz 10 12 130 160 192 12
