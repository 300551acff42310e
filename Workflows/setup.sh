#!/bin/bash
# Makes sure that what Pellucid builds against is here: Swift, and five system libraries.
# Installs the libraries with apt where they are missing; does nothing, and needs no network, where they are not.
#
# usage: Workflows/setup.sh [--tests]
# With --tests also what the tests check our records with: a Python virtual environment in .build/test-venv.
set -euo pipefail

# Installs the validators, once for each list of them; several tests may ask at the same time.
validators() {
  local list venv
  list=$(dirname "$0")/validators/requirements.txt
  venv=$(dirname "$0")/../.build/test-venv
  mkdir -p "$venv"
  exec 9>"$venv.lock"
  flock 9
  cmp -s "$list" "$venv/installed.txt" && return
  command -v python3 >/dev/null || { echo "setup: the tests need python3 with venv" >&2; return 1; }
  python3 -m venv --clear "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$list" >&2
  cp "$list" "$venv/installed.txt"
}

swift=$(command -v swift || echo /opt/swift/usr/bin/swift)
if [ ! -x "$swift" ]; then
  echo "setup: Swift is missing; install Swift 6.2 or newer from https://www.swift.org/install/linux/" \
    "and put its usr/bin folder on PATH" >&2
  exit 1
fi

# One line per package: what proves that it is here. Headers and pkg-config are asked, not dpkg, so that libraries
# from elsewhere count too.
missing=()
command -v pkg-config >/dev/null || missing+=(pkg-config)
pkg-config --exists openblas 2>/dev/null || missing+=(libopenblas-dev)
pkg-config --exists libpng 2>/dev/null || missing+=(libpng-dev)
pkg-config --exists zlib 2>/dev/null || missing+=(zlib1g-dev)
[ -e /usr/include/nifti/nifti2_io.h ] && ls /usr/lib/*/libnifti2.so >/dev/null 2>&1 || missing+=(libnifti-dev)
if [ "${1:-}" = --tests ]; then validators; fi
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "setup: missing ${missing[*]} (Debian's names), and there is no apt-get here;" \
    "install them with this system's package manager" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: missing ${missing[*]}, and neither root nor sudo to install them;" \
      "ask an administrator to run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "setup: installing ${missing[*]}"
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
# The package lists may be missing or out of date: ask for new ones only when the first try fails.
"${install[@]}" >/dev/null 2>&1 || { "${as_root[@]}" apt-get update -q >/dev/null && "${install[@]}"; }
