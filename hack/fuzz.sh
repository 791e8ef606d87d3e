#!/usr/bin/env bash
# Fuzzes every target of the repository, or those that are named, one after the other: FUZZTIME each, 10m if
# nothing is said. What is found stays in testdata/fuzz of its package, where every later test run tries it
# again; hack/fuzz-corpus.sh puts a small part of what covers something there, too.
#
#   FUZZTIME=1m hack/fuzz.sh [TARGET...]
#   hack/fuzz.sh --list               prints every target: its package and its name
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

# targets lists what go itself takes for a fuzz target. Only packages that seem to have one are compiled.
targets() {
  local files packages
  # shellcheck disable=SC2016 # the template is go's
  files=$(go list -f '{{$dir := .Dir}}{{range .TestGoFiles}}{{$dir}}/{{.}}
{{end}}{{range .XTestGoFiles}}{{$dir}}/{{.}}
{{end}}' ./... scim-operator.io/api/...)
  mapfile -t packages < <(xargs -d '\n' grep -lE '^func Fuzz[A-Z]' <<<"$files" | xargs -n 1 dirname | sort -u)
  [ ${#packages[@]} -gt 0 ] || die "there is no fuzz target"
  go test -list '^Fuzz' "${packages[@]}" | awk '
    /^Fuzz/ { names[++count] = $1; next }
    /^ok / { for (i = 1; i <= count; i++) print $2, names[i]; count = 0; next }
    { print >"/dev/stderr" }' | sort
}

fuzz() {
  local package=$1 target=$2 output
  output=$(mktemp)
  say "fuzzing $target of $package for ${FUZZTIME:-10m}"
  # Inputs that cover something new are made small at the cost of trying fewer of them.
  if go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10m}" -fuzzminimizetime 10s 2>&1 | tee "$output"; then
    rm -f "$output"
    return
  fi
  # When the time is up in the middle of an input, the go command may call that a failure, without one.
  local found=0
  if grep -q 'Failing input' "$output" || ! grep -q '^ *context deadline exceeded$' "$output"; then found=1; fi
  rm -f "$output"
  return $found
}

all=$(targets)
if [ "${1-}" = --list ]; then echo "$all" && exit; fi
for wanted in "$@"; do
  grep -q " $wanted\$" <<<"$all" || die "there is no fuzz target $wanted; hack/fuzz.sh --list prints them"
done
status=0
while read -r package target; do
  if [ $# -gt 0 ] && [[ " $* " != *" $target "* ]]; then continue; fi
  fuzz "$package" "$target" || status=1
done <<<"$all"
exit $status
