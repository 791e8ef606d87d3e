#!/usr/bin/env bash
# Runs govulncheck and closes with one line that says what came of it.
#
# The database is vuln.go.dev, or GOVULNDB. Where it cannot be reached, the reports in the newest
# golang.org/x/vulndb of the Go module proxy take its place. Where there is neither, the line says
# "not checked", which is no failure. A vulnerability that the code calls is one, unless it is in the
# standard library and the toolchain that go.mod names no longer has it: then the line says that this
# machine's Go is older. SUMMARY names a file to which the line is added.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

conclude() {
  say "vulnerabilities: $*"
  [ -z "${SUMMARY-}" ] || echo "vulnerabilities: $*" >>"$SUMMARY"
}

# find_database sets database, and edition to words about it.
find_database() {
  local module
  database=${GOVULNDB:-https://vuln.go.dev} edition=
  case $database in http*) ;; *) return ;; esac
  ! curl --silent --fail --max-time 10 --output /dev/null "$database/index/db.json" || return 0
  # Not below this repository, whose go.mod has no say in it.
  module=$(within 300 go -C / mod download -json golang.org/x/vulndb@latest 2>/dev/null) || return 1
  database=file://$(jq -r .Dir <<<"$module")/data/osv
  edition=$(jq -r .Version <<<"$module") edition=${edition#*-}
  edition=" by the reports of ${edition:0:4}-${edition:4:2}-${edition:6:2}"
}

# in_toolchain VERSION reports whether the toolchain that go.mod names has this version's fixes.
in_toolchain() { [ "$(printf '%s\n' "${1#v}" "${toolchain#go}" | sort -V | head -n 1)" = "${1#v}" ]; }

ensure_packages <<<"curl curl
jq jq"
"$HACK_DIR/build.sh" govulncheck
cd "$REPO_DIR"
if ! find_database; then
  conclude "not checked: neither the database $database nor the module golang.org/x/vulndb can be reached from here"
  exit 0
fi

findings=$(mktemp)
trap 'rm -f "$findings"' EXIT
"$("$HACK_DIR/build.sh" --path govulncheck)" -db "$database" -format json ./... >"$findings"
called=$(jq -r '.finding | select(. and .trace[0].function) | [.osv, .trace[0].module, .trace[0].version, .fixed_version // "-"] | @tsv' "$findings" | sort -u)

toolchain=$(awk '$1 == "toolchain" { print $2 }' go.mod)
ours=() old_go=()
while IFS=$'\t' read -r id module version fixed; do
  [ -n "$id" ] || continue
  if [ "$module" = stdlib ] && [ "$fixed" != - ] && in_toolchain "$fixed"; then
    old_go+=("$id")
  else
    ours+=("$id ($module $version, fixed in $fixed)")
  fi
done <<<"$called"

if [ ${#ours[@]} -gt 0 ]; then
  conclude "FOUND$edition: $(printf '%s; ' "${ours[@]}")see https://pkg.go.dev/vuln"
  exit 1
fi
if [ ${#old_go[@]} -gt 0 ]; then
  conclude "none$edition in the code that $toolchain builds; this machine's $(go env GOVERSION) has ${#old_go[@]} that it calls: ${old_go[*]}"
else
  conclude "none$edition"
fi
