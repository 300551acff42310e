#!/bin/bash
# Makes sure that what Pellucid builds against is here: Swift, and five system libraries.
# Installs the libraries with apt where they are missing; does nothing, and needs no network, where they are not.
#
# usage: Workflows/setup.sh [tests]      with "tests" also what only the tests ask: systemd's validator, man, flock
set -euo pipefail

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
if [ "${1:-}" = tests ]; then
  command -v systemd-analyze >/dev/null || missing+=(systemd)
  command -v man >/dev/null || missing+=(man-db)
  command -v flock >/dev/null || missing+=(util-linux)
fi
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
