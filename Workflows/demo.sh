#!/bin/bash
# Denoises the sample CT in two ways, denoises the sample MR, halves its slice distance, and makes one contrast of a simulated
# head from the other; compares results with what they should be. `make demo` builds and calls this.
#
# usage: Workflows/demo.sh PELLUCID OUTPUT_FOLDER
set -euo pipefail
pellucid=$(readlink -f "$1")
mkdir -p "$2"
out=$(readlink -f "$2")
cd "$(dirname "$0")/.."
low=SampleData/ct-lowdose.nii.gz
full=SampleData/ct-fulldose.nii.gz

denoise() { # NAME SAMPLER
  echo "demo: $2 ..." >&2
  "$pellucid" run "$low" -o "$out/$1.nii.gz" --model ct-denoise --sampler "$2" --steps 10 --seed 1 \
    --if-exists replace --report
}
denoise ten-steps ddim
denoise pfdiff pfdiff-1_1

restore_mr() { # NAME INPUT [FLAG...]
  echo "demo: mr-$1 ..." >&2
  "$pellucid" run "SampleData/$2.nii.gz" -o "$out/mr-$1.nii.gz" --model "mr-$1" --if-exists replace --report "${@:3}"
}
restore_mr denoise mr-noisy --sampler pfdiff-3_2 --plane all-if-cubic --slice-detail matched # as the workflow mr-denoise does
restore_mr superres mr-thick
restore_mr t1-to-t2 mr-t1
restore_mr t2-to-t1 mr-t2

echo
"$pellucid" compare "$low" "$out/ten-steps.nii.gz" "$out/pfdiff.nii.gz" --reference "$full" --window -1000,1000 \
  --picture "$out/demo.png" --if-exists replace --picture-window -200,300
echo
"$pellucid" compare SampleData/mr-noisy.nii.gz "$out/mr-denoise.nii.gz" --reference SampleData/mr-clean.nii.gz \
  --picture "$out/mr-denoise.png" --if-exists replace
echo
"$pellucid" compare "$out/mr-superres.nii.gz" --reference SampleData/mr-between.nii.gz --picture "$out/mr-superres.png" \
  --if-exists replace
for made in t2 t1; do
  from=$([ $made = t2 ] && echo t1 || echo t2)
  echo
  "$pellucid" compare "$out/mr-$from-to-$made.nii.gz" --reference "SampleData/mr-$made.nii.gz" \
    --picture "$out/mr-$from-to-$made.png" --if-exists replace
done
cat <<END

The truth is the same scan at its full dose ($full), and for the MR the scan without noise, the slices in
between, or the other contrast.
Results    $out/*.nii.gz
Records    $out/*.manifest.json
Reports    $out/*.report.html    (open in a browser)
Pictures   $out/demo.png    (low dose | ten steps | PFDiff | what was removed | full dose)
           $out/mr-denoise.png, $out/mr-superres.png, $out/mr-t1-to-t2.png, $out/mr-t2-to-t1.png
END
