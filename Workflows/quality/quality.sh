#!/bin/bash
# Measures the models against truth and classical methods; `make evaluate` calls this.
# The first call installs Workflows/quality/requirements.txt into a virtual environment of its own.
#
# usage: Workflows/quality/quality.sh PELLUCID --data FOLDER [other options of quality.py]
# environment: QUALITY_VENV  the virtual environment (default: .build/quality-venv)
#              PYTHON        the Python that makes it (default: python3)
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 64; }
pellucid=$1
shift
here=$(dirname "$(readlink -f "$0")")
venv=${QUALITY_VENV:-$here/../../.build/quality-venv}

# The copy of the requirements is written last: it says that the installation went to its end.
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  echo "installing scikit-image, dipy and their kin into $venv (once)" >&2
  mkdir -p "$(dirname "$venv")"
  "${PYTHON:-python3}" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
# One thread per process: the harness has a process per processor of its own.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$venv/bin/python" "$here/quality.py" --executable "$pellucid" "$@"
