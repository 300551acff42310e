#!/bin/bash
# Installs Pellucid under a prefix: the executable, models, workflows, manual, completions, units. `make install` calls it.
# With DESTDIR everything goes below that folder, as packagers want it; what is written in the files is PREFIX alone.
#
# usage: Workflows/install.sh PELLUCID PREFIX [DESTDIR]
set -euo pipefail
pellucid=$(readlink -f "$1")
prefix=${2%/}
root=${3:-}
case "$prefix" in
  /*) ;;
  *) echo "install: PREFIX must be an absolute path, not '$prefix'" >&2 && exit 64 ;;
esac
to=${root%/}$prefix
share=$to/share/pellucid
cd "$(dirname "$0")/.."

install -D -m 755 "$pellucid" "$to/bin/pellucid"
install -d "$share/models" "$share/workflows"
install -m 644 Workflows/models/* "$share/models"
install -m 644 Workflows/*.yaml "$share/workflows"
if [ -d Workflows/viewer ]; then
  install -d "$share/viewer"
  find Workflows/viewer -maxdepth 1 -type f -exec install -m 644 {} "$share/viewer" \;
fi
install -D -m 644 LICENSE "$to/share/doc/pellucid/LICENSE"
install -m 644 Docs/Operations.md Docs/Configuration.md Docs/Commands.md "$to/share/doc/pellucid"

install -d "$to/share/man/man1"
install -m 644 Docs/man/*.1 "$to/share/man/man1"
install -D -m 644 Docs/completions/pellucid.bash "$to/share/bash-completion/completions/pellucid"
install -D -m 644 Docs/completions/_pellucid "$to/share/zsh/site-functions/_pellucid"
install -D -m 644 Docs/completions/pellucid.fish "$to/share/fish/vendor_completions.d/pellucid.fish"

# Units and crontab name the executable's place.
install -d "$to/lib/systemd/system"
for file in Workflows/systemd/*; do
  sed "s|/usr/local/bin/pellucid|$prefix/bin/pellucid|" "$file" >"$to/lib/systemd/system/$(basename "$file")"
done
sed "s|^PATH=/usr/local/bin|PATH=$prefix/bin|" Workflows/crontab >"$share/crontab"
chmod 644 "$to"/lib/systemd/system/pellucid-* "$share/crontab"
echo "installed ${to}/bin/pellucid; start with: man pellucid, $prefix/share/doc/pellucid/Operations.md"
