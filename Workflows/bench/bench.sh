#!/bin/bash
# Compares Pellucid's engine with PyTorch, ONNX Runtime and OpenVINO on this machine; `make bench` calls this.
# The first call installs Workflows/bench/requirements.txt into a virtual environment of its own.
#
# usage: Workflows/bench/bench.sh PELLUCID [--quick] [other options of side_by_side.py]
# environment: BENCH_VENV  the virtual environment (default: .build/bench-venv)
#              PYTHON      the Python that makes it (default: python3)
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 64; }
pellucid=$(readlink -f "$1")
shift
here=$(dirname "$(readlink -f "$0")")
venv=${BENCH_VENV:-$here/../../.build/bench-venv}

# The copy of the requirements is written last: it says that the installation went to its end.
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  echo "installing PyTorch, ONNX Runtime and OpenVINO into $venv (some gigabytes, once)" >&2
  mkdir -p "$(dirname "$venv")"
  "${PYTHON:-python3}" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
exec "$venv/bin/python" "$here/side_by_side.py" --pellucid "$pellucid" "$@"
