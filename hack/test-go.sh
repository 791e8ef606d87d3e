#!/usr/bin/env bash
# Runs the unit and envtest suites with the race detector: every package, or those that are named.
#
#   hack/test-go.sh [PACKAGE|OPTION...]
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

# The race detector is C: it takes a compiler and the C library's headers.
[ "$(uname -s)" != Linux ] || ensure_packages <<'END'
gcc gcc
/usr/include/stdlib.h libc6-dev
END
all=""
[ $# -gt 0 ] || { all=yes && set -- ./... scim-operator.io/api/...; }
KUBEBUILDER_ASSETS=$("$HACK_DIR/envtest-assets.sh")
export KUBEBUILDER_ASSETS
# Many API servers start at the same time.
export KUBEBUILDER_CONTROLPLANE_START_TIMEOUT=3m
CGO_ENABLED=1 go test -race -timeout 20m "$@"
# The alerts' tests and the benchmark's are modules of their own.
[ -z "$all" ] || { go test -C test/alerts ./... && go test -C test/bench ./...; }
