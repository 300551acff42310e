#!/bin/bash
# The rules of the house that a formatter does not know. Prints every finding; exits 1 when there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
findings=0
finding() {
  echo "lint: $*" >&2
  findings=1
}

# What git has, or would take: tracked files and new ones that it does not ignore.
mapfile -t files < <(git ls-files --cached --others --exclude-standard)
for file in "${files[@]}"; do
  [ -e "$file" ] || continue
  size=$(stat -c %s "$file")
  [ "$size" -le $((20 * 1024 * 1024)) ] || finding "$file is larger than 20 MB"
  case "$file" in
    *Package.resolved) finding "$file must not be committed: versions are stated in Package.swift" ;;
    *.sh | .ci/run)
      bash -n "$file" || finding "$file is not valid bash"
      [ -x "$file" ] || finding "$file is not executable"
      ;;
  esac
done
samples=$(du -sk SampleData | cut -f1)
[ "$samples" -le 10240 ] || finding "SampleData is larger than 10 MB"

# Only one place makes threads and only the executable prints (C is searched too).
if grep -rnE '(^|[^A-Za-z.])(print|debugPrint)\(' Sources --include='*.swift' | grep -v '^Sources/pellucid/'; then
  finding "only the executable prints: return a value or take a closure"
fi
if grep -rnE 'DispatchQueue|[^A-Za-z]Thread *[({]|pthread_create' Sources --include='*.swift' --include='*.c' \
  | grep -v '^Sources/TensorCore/ThreadTeam.swift'; then
  finding "only TensorCore's ThreadTeam makes threads"
fi
if grep -rnE '[^A-Za-z]Process\(\)' Sources --include='*.swift'; then
  finding "Foundation's Process needs an internet socket, which the services of Workflows/systemd do not get: use posix_spawn"
fi
if find Sources Tests -name '*Utils*' -o -name '*Helper*' -o -name '*Common*' | grep .; then
  finding "name a file after the one concept in it"
fi
exit "$findings"
