#!/bin/bash
# Builds the fuzzed readers (Tests/Fuzz) and tries each for some seconds.
#   fuzz.sh [TARGET|all] [SECONDS]    writes logs, the grown corpus and findings to .build-fuzz/run/TARGET/
#   fuzz.sh --table                   sums the logs up as a Markdown table
# Exits 1 when there is a finding. FUZZ_RUN names another folder for what is written; FUZZ_BUILD=no uses the executable
# that is there.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=${SWIFT:-$(command -v swift || echo /opt/swift/usr/bin/swift)}
build=.build-fuzz
run=${FUZZ_RUN:-$build/run}
all=(nifti gzip png safetensors card pickle checkpoint yaml manifest)

# What a log says under a name: all numbers added up, or the largest. A log has one run after the other: a finding ends a run.
sum() { grep -aoE "(^| )$1: +[0-9]+" "$2" | awk '{ n += $NF } END { print n + 0 }'; }
most() { grep -aoE "(^| )$1: +[0-9]+" "$2" | awk '$NF > n { n = $NF } END { print n + 0 }'; }

table() {
  echo "| reader | seconds | executions | per second | accepted | edges | features | corpus | slowest, s | peak MiB | findings |"
  echo "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
  for target in "${all[@]}"; do
    log=$run/$target/log
    [ -e "$log" ] || continue
    seconds=$(sum stat::seconds "$log")
    executions=$(sum stat::number_of_executed_units "$log")
    echo "| $target | $seconds | $executions | $((seconds > 0 ? executions / seconds : 0))" \
      "| $(sum stat::accepted_inputs "$log") | $(most cov "$log") | $(most ft "$log") | $(most corp "$log")" \
      "| $(most stat::slowest_unit_time_sec "$log") | $(most stat::peak_rss_mb "$log")" \
      "| $(find "$run/$target/findings" -type f | wc -l) |"
  done
}

if [ "${1:-}" = --table ]; then
  table
  exit 0
fi
wanted=${1:-all}
seconds=${2:-60}
targets=("${all[@]}")
if [ "$wanted" != all ]; then
  [[ " ${all[*]} " == *" $wanted "* ]] || { echo "fuzz: TARGET is one of: ${all[*]}" >&2; exit 64; }
  targets=("$wanted")
fi

resources=$(dirname "$(readlink -f "$swift")")/../lib
if ! find -L "$resources" -name 'libclang_rt.fuzzer-*.a' 2>/dev/null | grep -q .; then
  echo "fuzz: this Swift has no libFuzzer (libclang_rt.fuzzer); install the toolchain from swift.org" >&2
  exit 1
fi
# Coverage and AddressSanitizer in our Swift and C alike; testability, because gzip is fuzzed inside its room.
# Not `--sanitize` twice: SwiftPM passes the two on in any order, and the Swift compiler obeys the last alone.
if [ "${FUZZ_BUILD:-yes}" != no ]; then
  PELLUCID_FUZZ=1 "$swift" build -c release --product Fuzz --scratch-path "$build" --sanitize=fuzzer \
    -Xswiftc -sanitize=fuzzer,address -Xcc -fsanitize=fuzzer-no-link,address -Xswiftc -enable-testing \
    -Xswiftc -use-ld=lld
fi

# Inputs are files in memory. Swift's own crash reports would wait for a process that libFuzzer has stopped.
TMPDIR=$(mktemp -d -p "$([ -d /dev/shm ] && echo /dev/shm || echo /tmp)" pellucid-fuzz.XXXXXX)
trap 'rm -rf "$TMPDIR"' EXIT
export TMPDIR SWIFT_BACKTRACE=enable=no
for target in "${targets[@]}"; do
  folder=$run/$target
  mkdir -p "$folder/corpus" "$folder/findings"
  dictionary=Tests/Fuzz/Dictionaries/$target.dict
  options=(-timeout=2 -rss_limit_mb=2048 -malloc_limit_mb=512 -max_len=16384 -print_final_stats=1
    -artifact_prefix="$folder/findings/")
  [ ! -e "$dictionary" ] || options+=(-dict="$dictionary")
  echo "fuzz: $target for $seconds s"
  : >"$folder/log"
  end=$((SECONDS + seconds))
  # A finding ends libFuzzer, so it is started again for the time that is left; ten findings are enough for once.
  for _ in {1..10}; do
    begin=$SECONDS
    [ "$begin" -lt "$end" ] || break
    PELLUCID_FUZZ_TARGET=$target "$build/release/Fuzz" -max_total_time=$((end - begin)) "${options[@]}" \
      "$folder/corpus" "Tests/Fuzz/Seeds/$target" >>"$folder/log" 2>&1 ||
      echo "fuzz: $target has a finding: see $folder/log and $folder/findings" >&2
    echo "stat::seconds: $((SECONDS - begin))" >>"$folder/log"
  done
done
table
! find "$run" -path '*/findings/*' -type f | grep -q .
