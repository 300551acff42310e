#!/bin/bash
# Checks every `import` of a room against what Package.swift declares for it, and that what it declares for a room of Sources
# is imported there. The compiler's own check
# (`--explicit-target-dependency-import-check error`) lets an import pass that is only reached through another room.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=$(command -v swift || echo /opt/swift/usr/bin/swift)

# "target path dependency" for every declared arrow, with "-" standing for no dependency.
declared=$("$swift" package describe --type text 2>/dev/null | awk '
  /^    Name: / { name = $2; inside = 0 }
  /^    Path: / { path = $2; print name, path, "-" }
  /^    [A-Z]/ { inside = /^    (Target|Product) dependencies:/ }
  inside && /^        / { print name, path, $1 }')
[ -n "$declared" ] || { echo "lint: swift package describe said nothing; is Package.swift valid?" >&2; exit 1; }

known=$(awk '{ print $1; if ($3 != "-") print $3 }' <<<"$declared" | sort -u)
status=0
while read -r target path; do
  allowed=$(awk -v t="$target" '$1 == t { print $3 }' <<<"$declared")
  imports=$(grep -rhoE '^(@[A-Za-z@ ]+ )?((public|package|internal|private|fileprivate) )?import ((struct|class|enum|protocol|func) )?[A-Za-z_]+' \
    "$path" --include='*.swift' 2>/dev/null | awk '{ print $NF }' | sort -u || true)
  if [[ $path == Sources/* && -n $imports ]]; then
    for module in $allowed; do
      [ "$module" = - ] || grep -qx "$module" <<<"$imports" || {
        echo "lint: Package.swift lets $target import $module, which nothing there does: remove the arrow there" \
          "(and from Docs/Architecture.md)" >&2
        status=1
      }
    done
  fi
  for module in $imports; do
    [ "$module" != "$target" ] || continue
    grep -qx "$module" <<<"$known" || continue
    grep -qx "$module" <<<"$allowed" || {
      echo "lint: $target imports $module, which Package.swift does not declare for it: add the arrow there" \
        "(and to Docs/Architecture.md) or remove the import" >&2
      status=1
    }
  done
done < <(awk '{ print $1, $2 }' <<<"$declared" | sort -u)
exit "$status"
