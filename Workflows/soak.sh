#!/bin/bash
# The full numbers of Docs/Reliability.md: every call of every command killed and failed, hundreds of zombies, thousands of
# files. Takes about an hour on two cores; `make test` runs a sample of the same tests. Usage: soak.sh [FILTER]
set -euo pipefail
cd "$(dirname "$0")/.."
swift=$(command -v swift || echo /opt/swift/usr/bin/swift)
table=$(mktemp)
trap 'rm -f "$table"' EXIT
status=0
TESTS_SOAK=1 TESTS_SOAK_TABLE="$table" "$swift" test --disable-xctest --filter "ReliabilityTests${1:+.$1}" || status=$?
echo
echo "| what | points | violations |"
echo "|---|---|---|"
sort "$table"
exit "$status"
