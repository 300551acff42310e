#!/bin/bash
# Writes the manual pages (FOLDER/man/pellucid*.1) and the completions (FOLDER/completions/) from the executable's own
# help. `make docs` calls it with FOLDER = Docs; a test compares what it writes with what is committed.
#
# usage: Workflows/manual.sh PELLUCID FOLDER
set -euo pipefail
pellucid=$1
out=$2
# Wide enough that no text is folded: what is left in the first column's place is structure.
export COLUMNS=100000

subcommands() { sed -n '/^SUBCOMMANDS:/,$p' | sed -nE 's/^  ([a-z][a-z-]*)( .*)?$/\1/p'; }

# The help of one command as a page in man(7)'s language. Labels of options stand in columns 3 to 26 with their text behind
# them, or, where they are longer, alone with the text on the next line.
page() { # NAME
  awk -v name="$1" -v version="$version" -v subcommands="$2" '
    function safe(text) {
      gsub(/\\/, "\\e", text)
      gsub(/-/, "\\-", text)
      if (text ~ /^[.\x27]/) text = "\\&" text
      return text
    }
    function entry(label, text) { printf ".TP\n.B %s\n%s\n", safe(label), safe(text) }
    { line[NR] = $0 }
    END {
      upper = toupper(name)
      printf ".\\\" Written by `make docs` from the help of the executable.\n"
      printf ".TH %s 1 \"\" \"pellucid %s\" \"Pellucid\"\n", safe(upper), version
      i = 1
      if (line[1] ~ /^OVERVIEW: /) {
        printf ".SH NAME\n%s \\- %s\n", safe(name), safe(substr(line[1], 11))
        for (i = 2; i <= NR && line[i] !~ /^USAGE: /; i++) body = body "\n" line[i]
      }
      sub(/^USAGE: /, "", line[i])
      printf ".SH SYNOPSIS\n.B %s\n", safe(line[i++])
      gsub(/^\n+|\n+$/, "", body)
      if (body != "") {
        printf ".SH DESCRIPTION\n"
        count = split(body, paragraph, "\n")
        for (p = 1; p <= count; p++) print paragraph[p] == "" ? ".PP" : safe(paragraph[p])
      }
      for (; i <= NR; i++) {
        if (line[i] ~ /^[A-Z].*:$/) printf ".SH %s\n", toupper(substr(line[i], 1, length(line[i]) - 1))
        else if (line[i] ~ /^  See .pellucid help/) continue
        else if (line[i] ~ /^  [^ ]/) {
          if (substr(line[i + 1], 1, 26) == sprintf("%26s", "")) {
            entry(substr(line[i], 3), substr(line[i + 1], 27))
            i++
          } else {
            label = substr(line[i], 3, 24)
            sub(/ +$/, "", label)
            entry(label, substr(line[i], 27))
          }
        }
      }
      printf ".SH SEE ALSO\n"
      if (name != "pellucid") { parent = name; sub(/-[^-]*$/, "", parent); printf ".BR %s (1)", safe(parent) }
      count = split(subcommands, sub_, " ")
      for (s = 1; s <= count; s++) printf "%s.BR %s (1)", (s > 1 || name != "pellucid" ? ",\n" : ""), safe(name "-" sub_[s])
      printf "\n"
    }'
}

section() { # WORD...
  local help names name
  help=$("$pellucid" help "$@")
  names=$(subcommands <<<"$help" | grep -vx help | tr '\n' ' ' || true)
  name=$(IFS=-; echo "pellucid${*:+-$*}")
  page "$name" "$names" <<<"$help" >"$out/man/$name.1"
  for name in $names; do section "$@" "$name"; done
}

# Without the commit, which is another one in every build.
version=$("$pellucid" --version | cut -d" " -f1)
mkdir -p "$out/man" "$out/completions"
# A command that is gone leaves no page.
rm -f "$out"/man/pellucid*.1
section
"$pellucid" --generate-completion-script bash >"$out/completions/pellucid.bash"
"$pellucid" --generate-completion-script zsh >"$out/completions/_pellucid"
"$pellucid" --generate-completion-script fish >"$out/completions/pellucid.fish"
