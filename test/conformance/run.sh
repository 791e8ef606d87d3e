#!/usr/bin/env bash
# Plays the transcripts of the identity providers (test/idp) and runs scim2-tester, a public black-box suite,
# against the demo's endpoint through the Ingress, and writes bin/conformance.txt. It installs the suite into
# a virtual environment under the cache directory.
set -euo pipefail
# shellcheck source=../../hack/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../hack/lib.sh"
here=$REPO_DIR/test/conformance

[ -f "$REPO_DIR/bin/demo.env" ] || die "bin/demo.env is missing: run 'make demo' first"
ensure_packages <<'END'
python3 python3
import:ensurepip python3-venv
curl curl
END

venv=$CACHE_DIR/conformance-$(sha256sum "$here/requirements.txt" | cut -c1-12)
if [ ! -f "$venv/complete" ]; then
  say "installing scim2-tester"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  touch "$venv/complete"
fi
set -a
# shellcheck source=/dev/null
source "$REPO_DIR/bin/demo.env"
set +a
PATH=$(dirname "$("$HACK_DIR/build.sh" --path kubectl)"):$PATH
# Both delete what they create, and a deleted user stays as an inactive record.
forget() {
  kubectl -n "$SCIM_NAMESPACE" get scimusers -o jsonpath='{range .items[?(@.spec.deletedTime)]}{.metadata.name}{"\n"}{end}' |
    xargs --no-run-if-empty kubectl -n "$SCIM_NAMESPACE" delete scimusers >/dev/null
}
trap forget EXIT
failed=0
report=$REPO_DIR/bin/conformance.txt
echo "== the transcripts of the identity providers (test/idp)" | tee "$report"
(cd "$REPO_DIR" && go test -count 1 -v ./test/idp) | tee -a "$report" || failed=1
echo "== scim2-tester" | tee -a "$report"
"$venv/bin/python" "$here/scim2_tester_run.py" | tee -a "$report" || failed=1
[ "$failed" = 0 ]
