#!/bin/bash
# Makes niivue.js.gz, the viewer inside case pages, from the package ipyniivue. `make viewer` calls this.
#
# The package is pinned by its digest. Its module exports a notebook widget only; one edit of its export list makes the
# viewer's class reachable. Whatever is not as expected ends the script: nothing half right is left behind.
set -euo pipefail
cd "$(dirname "$0")"
target=niivue.js.gz
[ ! -e "$target" ] || { echo "viewer: Workflows/viewer/$target is there"; exit 0; }

stop() {
  echo "viewer: $*" >&2
  exit 1
}
command -v python3 >/dev/null || stop "python3 with pip is missing; install python3-pip"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
  -r requirements.txt -d "$work" || stop "ipyniivue could not be downloaded (network? python3-pip?)"
python3 -m zipfile -e "$work"/ipyniivue-*.whl "$work/wheel"
module=$work/wheel/ipyniivue/static/widget.js

# The class is the one that is made new after this message.
class=$(grep -oP 'console\.log\("Creating new Niivue instance"\);.{0,120}?=new \K[A-Za-z0-9_$]+(?=\()' "$module") ||
  stop "the module does not make a viewer where it used to; it is another version"
[[ $class =~ ^[A-Za-z0-9_$]+$ ]] || stop "the module makes a viewer in more than one place; it is another version"
[ "$(grep -oP 'export\{[A-Za-z0-9_$]+ as default\};?$' "$module" | wc -l)" -eq 1 ] ||
  stop "the module's export list is not as it used to be; it is another version"
NAME=$class perl -pe 's/export\{([A-Za-z0-9_\$]+) as default\};?$/export{$1 as default,$ENV{NAME} as Niivue};/' \
  "$module" >"$work/niivue.js"

expected=$(grep -oP 'static let sha256 = "\K[0-9a-f]{64}' ../../Sources/Reports/Viewer.swift || true)
found=$(sha256sum "$work/niivue.js" | cut -d' ' -f1)
[ "$found" = "$expected" ] || stop "the module has the digest $found, not the $expected of Sources/Reports/Viewer.swift"
gzip -9nc "$work/niivue.js" >"$work/$target"
mv "$work/$target" "$target"
echo "viewer: wrote Workflows/viewer/$target ($(stat -c %s "$target") bytes)"
