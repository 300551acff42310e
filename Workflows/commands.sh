#!/bin/bash
# Prints Docs/Commands.md: the help of every subcommand, as the executable prints it.
#
# usage: Workflows/commands.sh PELLUCID
set -euo pipefail
pellucid=$1
export COLUMNS=100

# Names of the subcommands that a help text lists (the line "See 'pellucid help …'" ends the list).
subcommands() { sed -n '/^SUBCOMMANDS:/,$p' | sed -nE 's/^  ([a-z][a-z-]*)( .*)?$/\1/p'; }

section() {
  printf '\n## pellucid %s\n\n```text\n%s\n```\n' "$*" "$("$pellucid" help "$@")"
  local name
  for name in $("$pellucid" help "$@" | subcommands); do section "$@" "$name"; done
}

cat <<'END'
# Commands

What each command takes and does, as `pellucid help` prints it. This page is written by `make docs`; a test compares it
with the executable. Exit codes are in [Architecture.md](Architecture.md#exit-codes).

```text
END
"$pellucid" help
echo '```'
for name in $("$pellucid" help | subcommands); do [ "$name" = help ] || section "$name"; done
