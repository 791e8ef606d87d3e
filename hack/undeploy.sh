#!/usr/bin/env bash
# Removes the operator from the cluster of the current kubeconfig context and keeps everybody: the CRDs stay, and
# with them every user, group, provider and endpoint. It says what stays.
#
# From the environment:
#   KUBECTL  the kubectl to use (kubectl)
#
#   hack/undeploy.sh
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -eq 0 ] || die "hack/undeploy.sh takes no argument"
kubectl=${KUBECTL:-kubectl}

"$kubectl" delete -k "$REPO_DIR/config/default" --ignore-not-found --timeout=180s

# count KIND prints how many objects of the kind there are, of which only the names are read.
count() { "$kubectl" get "$1.scim-operator.io" --all-namespaces --no-headers -o custom-columns=N:.metadata.name 2>/dev/null | wc -l; }

cat <<END

The operator is removed, and nobody with it. These stay, as the CRDs do:
  $(count scimusers) users, $(count scimgroups) groups, $(count scimresources) resources of other types
  $(count identityproviders) identity providers and $(count scimendpoints) endpoints, whose servers go on serving
Install the operator again, and it finds them. While it is away no admission policy protects users and groups from edits,
and nothing that is deleted goes that has a finalizer: \`kubectl scim release-finalizers\` lets it go.
END
