#!/bin/bash
# Denoises the sample CT in two ways and halves the slice distance of the sample MR; compares results with what they should
# be. `make demo` builds and calls this.
#
# usage: Workflows/demo.sh PELLUCID OUTPUT_FOLDER
set -euo pipefail
pellucid=$(readlink -f "$1")
out=$2
cd "$(dirname "$0")/.."
mkdir -p "$out"
low=SampleData/ct-lowdose.nii.gz
full=SampleData/ct-fulldose.nii.gz

denoise() { # NAME SAMPLER
  echo "demo: $2 ..." >&2
  "$pellucid" run "$low" -o "$out/$1.nii.gz" --model ct-denoise --sampler "$2" --steps 10 --seed 1 \
    --if-exists replace --report
}
denoise ten-steps ddim
denoise pfdiff pfdiff-1_1

echo "demo: a slice between every two ..." >&2
"$pellucid" run SampleData/mr-thick.nii.gz -o "$out/superres.nii.gz" --model mr-superres --if-exists replace --report

echo
"$pellucid" compare "$low" "$out/ten-steps.nii.gz" "$out/pfdiff.nii.gz" --reference "$full" --window -1000,1000 \
  --picture "$out/demo.png" --if-exists replace --picture-window -200,300
echo
"$pellucid" compare "$out/superres.nii.gz" --reference SampleData/mr-between.nii.gz --picture "$out/superres.png" \
  --if-exists replace
cat <<END

The truth is the same scan at its full dose ($full), and for the MR the slices that the scanner would have seen.
Results    $out/ten-steps.nii.gz, $out/pfdiff.nii.gz, $out/superres.nii.gz
Records    $out/*.manifest.json
Reports    $out/*.report.html    (open in a browser)
Picture    $out/demo.png    (low dose | ten steps | PFDiff | what was removed | full dose)
END
