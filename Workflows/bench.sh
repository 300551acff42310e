#!/bin/bash
# Times Pellucid on this machine: one run over the sample scan per thread count. `make bench` builds and calls this.
# For comparable numbers leave OPENBLAS_CORETYPE unset and the machine idle.
#
# usage: Workflows/bench.sh PELLUCID
set -euo pipefail
pellucid=$(readlink -f "$1")
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$pellucid" doctor
echo
for threads in 1 "$(nproc)"; do
  for repeat in 1 2 3; do
    "$pellucid" run SampleData/ct-lowdose.nii.gz -o "$out/threads-$threads-run-$repeat.nii.gz" --model ct-denoise \
      --sampler ddim --steps 10 --seed 1 --threads "$threads" >/dev/null 2>&1
  done
done
"$pellucid" compare "$out"/threads-*.nii.gz --reference SampleData/ct-fulldose.nii.gz
