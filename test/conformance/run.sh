#!/usr/bin/env bash
# Plays the transcripts of the identity providers (test/idp) and runs scim2-tester, a public black-box suite,
# through the Ingress, and writes bin/conformance.txt. Each has an endpoint and a namespace of its own, which are
# removed again. It installs the suite into a virtual environment under the cache directory.
set -euo pipefail
# shellcheck source=../../hack/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../hack/lib.sh"
here=$REPO_DIR/test/conformance

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
failed=0
report=$REPO_DIR/bin/conformance.txt
echo "== the transcripts of the identity providers (test/idp)" | tee "$report"
cd "$REPO_DIR"
hack/with-endpoint.sh conformance-transcripts go test -count 1 -v ./test/idp | tee -a "$report" || failed=1
echo "== scim2-tester" | tee -a "$report"
hack/with-endpoint.sh conformance-scim2-tester "$venv/bin/python" "$here/scim2_tester_run.py" | tee -a "$report" || failed=1
[ "$failed" = 0 ]
