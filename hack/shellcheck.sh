#!/usr/bin/env bash
# Runs shellcheck over every shell script that git knows.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

ensure_packages <<<"shellcheck shellcheck"
{ git ls-files '*.sh'; echo .ci/run; } | xargs shellcheck --external-sources --severity=info
