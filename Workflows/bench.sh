#!/bin/bash
# Times Pellucid on this machine: two steps over the sample scan (12 slices of 256 x 256), three runs with one thread and
# three with all, in turn. `make bench` builds and calls this; about a minute. For comparable numbers leave
# OPENBLAS_CORETYPE unset and the machine idle, and look at ratios: `seconds` is each run's time on the network.
#
# usage: Workflows/bench.sh PELLUCID
set -euo pipefail
pellucid=$(readlink -f "$1")
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$pellucid" doctor
echo
for repeat in 1 2 3; do
  for threads in $(printf '%s\n' 1 "$(nproc)" | sort -nu); do
    "$pellucid" run SampleData/ct-lowdose.nii.gz -o "$out/threads-$threads-run-$repeat.nii.gz" --model ct-denoise \
      --sampler ddim --steps 2 --seed 1 --threads "$threads" --progress none >/dev/null
  done
done
"$pellucid" compare "$out"/threads-*.nii.gz --reference SampleData/ct-fulldose.nii.gz --window -1000,1000
