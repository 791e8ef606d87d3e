#!/usr/bin/env bash
# Builds the binary of the last release and prints where it is. hack/last-release names its commit; a release
# moves it. Exits with 3 when the commit is not in this clone, as in a shallow one.
#
#   hack/last-release.sh [COMMIT]
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

commit=${1-$(<"$HACK_DIR/last-release")}
if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
  say "the commit of the last release, $commit, is not in this clone; fetch it with: git fetch --unshallow"
  exit 3
fi
home=$CACHE_DIR/release-$commit
binary=$home/scim-operator
if [ ! -x "$binary" ]; then
  mkdir -p "$home"
  # Another clone may be at it: waiting for it costs less than building it twice.
  if command -v flock >/dev/null; then
    exec 9>"$home/.lock"
    flock 9
  fi
fi
if [ ! -x "$binary" ]; then
  say "building the last release, $commit ..."
  rm -rf "$home/source"
  mkdir -p "$home/source"
  git archive "$commit" | tar -x -C "$home/source"
  # Renamed when it is whole, so that nobody ever starts half a binary.
  CGO_ENABLED=0 go build -C "$home/source" -buildvcs=false -trimpath -o "$home/.scim-operator.$$" .
  mv -f "$home/.scim-operator.$$" "$binary"
  rm -rf "$home/source"
fi
echo "$binary"
