#!/usr/bin/env bash
# Runs pairs of benchmarks, what is measured and its reference, in the same run, and prints each pair's
# ratio of rates (medians of COUNT runs): 1.00 is as fast as the reference.
#
#   COUNT=5 BENCHTIME=1s hack/bench.sh
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

count=${COUNT:-5} benchtime=${BENCHTIME:-1s}
KUBEBUILDER_ASSETS=$("$HACK_DIR/envtest-assets.sh")
export KUBEBUILDER_ASSETS
results=$(mktemp)
trap 'rm -f "$results"' EXIT

run() {
  local package=$1 pattern=$2
  say "benchmarking $package $pattern"
  go test -run '^$' -bench "$pattern" -benchtime "$benchtime" -count "$count" "./internal/$package" |
    tee -a "$results" >&2
}
# Other engines are required by a module of their own.
say "benchmarking the engine"
go test -C test/bench -run '^$' -bench '^BenchmarkParse$' -benchtime "$benchtime" -count "$count" ./engine |
  tee -a "$results" >&2
run server '^BenchmarkReads$/(GetByID|Filter)'
run store '^Benchmark(Get|FilterUserName|LastPage)$'
run store '^BenchmarkCreate(Directly)?$'

# what is measured | its benchmark | the reference's
awk -F'|' '
  function median(name,   n, i, j, t, v) {
    n = split(runs[name], v, " ")
    if (n == 0) { print "error: no result of " name > "/dev/stderr"; failed = 1; return 1 }
    for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
    return v[int((n + 1) / 2)]
  }
  FNR == NR { n = split($0, f, " "); if (f[1] ~ /^Benchmark/ && f[4] == "ns/op") { sub(/-[0-9]+$/, "", f[1]); runs[f[1]] = runs[f[1]] f[3] " " }; next }
  FNR == 1 { printf "\n%-62s %14s %14s %7s\n", "", "measured ns", "reference ns", "ratio" }
  { a = median($2); b = median($3); printf "%-62s %14.0f %14.0f %7.2f\n", $1, a, b, b / a }
  END { exit failed }
' "$results" - <<'END'
parse userName eq "bjensen@example.com": scim2/filter-parser v2.3.1|BenchmarkParse/scim-operator|BenchmarkParse/filter-parser
GET /Users/{id}: net/http writing the same bytes|BenchmarkReads/GetByID/server|BenchmarkReads/GetByID/bare
GET ?filter=userName eq: net/http writing the same bytes|BenchmarkReads/Filter/server|BenchmarkReads/Filter/bare
create a user: client-go creating the same user and claim|BenchmarkCreate|BenchmarkCreateDirectly
read one of 100,000 users in the store: one of 1,000|BenchmarkGet/100000|BenchmarkGet/1000
filter 100,000 users by userName in the store: 1,000|BenchmarkFilterUserName/100000|BenchmarkFilterUserName/1000
last page of 100,000 users in the store: of 1,000|BenchmarkLastPage/100000|BenchmarkLastPage/1000
END
