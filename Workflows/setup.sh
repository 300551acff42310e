#!/bin/bash
# Makes sure that what Pellucid builds against is here: Swift, and five system libraries.
# Installs with apt what is missing; does nothing, and needs no network, where nothing is.
#
# usage: Workflows/setup.sh [--tests]
# With --tests also what only tests need: a browser with a font, systemd's validator, man, flock, a clock that can be set,
# pip for the viewer, and a Python virtual environment in .build/test-venv with what checks our records.
set -euo pipefail
tests=${1:-}

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
if [ "$tests" = --tests ]; then
  command -v chromium chromium-browser google-chrome >/dev/null || missing+=(chromium)
  [ -n "$(find /usr/share/fonts -name '*.[to]tf' -print -quit 2>/dev/null)" ] || missing+=(fonts-dejavu-core)
  command -v systemd-analyze >/dev/null || missing+=(systemd)
  command -v man >/dev/null || missing+=(man-db)
  command -v flock >/dev/null || missing+=(util-linux)
  command -v faketime >/dev/null || missing+=(faketime)
  python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
fi

install_missing() {
  if ! command -v apt-get >/dev/null; then
    echo "setup: missing ${missing[*]} (Debian's names), and there is no apt-get here;" \
      "install them with this system's package manager" >&2
    exit 1
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "setup: missing ${missing[*]}, and neither root nor sudo to install them;" \
        "ask an administrator to run: apt-get install ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}"
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
  # The package lists may be missing or out of date: ask for new ones only when the first try fails.
  "${install[@]}" >/dev/null 2>&1 || { "${as_root[@]}" apt-get update -q >/dev/null && "${install[@]}"; }
}

# Installs the validators, once for each list of them; several tests may ask at the same time.
validators() {
  local list venv
  list=$(dirname "$0")/validators/requirements.txt
  venv=$(dirname "$0")/../.build/test-venv
  mkdir -p "$venv"
  exec 9>"$venv.lock"
  flock 9
  cmp -s "$list" "$venv/installed.txt" && return
  python3 -m venv --clear "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$list" >&2
  cp "$list" "$venv/installed.txt"
}

[ ${#missing[@]} -eq 0 ] || install_missing
[ "$tests" != --tests ] || validators
