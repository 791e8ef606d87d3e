#!/usr/bin/env bash
# Runs the proofs that take too long for every change, all of them or those that are named, one after the other. Each
# ends with a line of its own; the last lines repeat them. The command fails when one of them does.
#
#   hack/test-long.sh [linearizability|fuzz|faults|last-release...]
#   hack/test-long.sh --list
#
#   OPERATIONS=1000000    requests whose answers are searched for an order that explains them, on three replicas
#   FUZZTIME=10m          how long each fuzz target runs
#   LOGS=bin/test-long    where the whole output of each proof is kept
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

proofs=(linearizability fuzz faults last-release)
logs=${LOGS:-bin/test-long}
summary=()

# prove NAME FACT COMMAND... runs a command, and sums it up with the last line of its output that the pattern FACT fits.
prove() {
  local name=$1 fact=$2 log=$logs/${1//\//-}.log began=$SECONDS verdict=pass
  shift 2
  say "######## $name: $*"
  "$@" 2>&1 | tee "$log" || verdict=FAIL
  fact=$(grep -oE "$fact" "$log" | tail -n 1 || true)
  summary+=("$verdict  $name  $((SECONDS - began)) s  ${fact:-see $log}")
  say "${summary[-1]}"
}

linearizability() {
  prove linearizability '[0-9]+ operations in .*' env LINEARIZABILITY_OPS="${OPERATIONS:-1000000}" \
    go test -v -count 1 -timeout 24h -run '^TestReplicasAnswerAsOne$/^3_replicas$' ./test/linearizability
}

fuzz() {
  local target targets
  targets=$("$HACK_DIR/fuzz.sh" --list | cut -d ' ' -f 2)
  for target in $targets; do
    prove "fuzz/$target" 'execs: .*' "$HACK_DIR/fuzz.sh" "$target"
  done
}

faults() { prove faults '^ok .*' go test -count 1 -timeout 1h ./test/faults; }

last-release() { prove last-release '^ok .*' env LAST_RELEASE=1 go test -count 1 -run LastRelease ./internal/cmd; }

if [ "${1-}" = --list ]; then printf '%s\n' "${proofs[@]}" && exit; fi
[ $# -gt 0 ] || set -- "${proofs[@]}"
for name in "$@"; do
  [[ " ${proofs[*]} " == *" $name "* ]] || die "there is no proof $name; there are: ${proofs[*]}"
done
mkdir -p "$logs"
KUBEBUILDER_ASSETS=$("$HACK_DIR/envtest-assets.sh")
export KUBEBUILDER_ASSETS
for name in "$@"; do "$name"; done
say "######## summary"
printf '%s\n' "${summary[@]}"
[[ " ${summary[*]}" != *" FAIL  "* ]]
