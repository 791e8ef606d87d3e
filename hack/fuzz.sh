#!/usr/bin/env bash
# Fuzzes every target of the repository, one after the other: FUZZTIME each, 10m if nothing is said. What
# is found stays in testdata/fuzz of its package, where every later test run tries it again.
#
#   FUZZTIME=1m hack/fuzz.sh [TARGET...]
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
while IFS=: read -r file _ target; do
  target=${target#func } target=${target%%(*}
  if [ $# -gt 0 ] && [[ " $* " != *" $target "* ]]; then continue; fi
  say "fuzzing $target of ${file%/*} for ${FUZZTIME:-10m}"
  # Inputs that cover something new are made small at the cost of trying fewer of them.
  go test "./${file%/*}" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10m}" -fuzzminimizetime 10s 2>&1 |
    tee "$output" && continue
  # When the time is up in the middle of an input, the go command may call that a failure, without one.
  if grep -q 'Failing input' "$output" || ! grep -q '^ *context deadline exceeded$' "$output"; then status=1; fi
done < <(grep -rnE --include='*_test.go' '^func Fuzz[A-Za-z]+\(' api controllers internal test | sort)
exit $status
