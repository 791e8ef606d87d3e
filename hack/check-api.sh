#!/usr/bin/env bash
# Compares the CRDs with those of the last tag and fails when a change is not one that docs/api-policy.md allows.
#
#   hack/check-api.sh [COMMIT]     compare with another commit or tag
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

before=${1-$(git describe --tags --abbrev=0 2>/dev/null || true)}
if [ -z "$before" ] && [ "$(git rev-parse --is-shallow-repository)" = true ]; then
  say "API compatibility: NOT CHECKED, because this clone is shallow and has no tag; run: git fetch --tags --unshallow"
  exit 0
fi
if [ -z "$before" ]; then
  say "API compatibility: no tag exists, so nothing is released and nothing was compared"
  exit 0
fi
old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT
git archive "$before" config | tar -x -C "$old"
say "API compatibility with $before:"
go run ./test/apicompat "$old/config" config
