#!/usr/bin/env bash
# Prints what is installed, installs it in the cluster of the current kubeconfig context, and removes the CRDs.
#
#   hack/install.sh print       print everything: the CRDs, their protection, and the operator
#   hack/install.sh install     apply the CRDs and their protection
#   hack/install.sh deploy      apply everything
#   hack/install.sh uninstall   delete the CRDs and their protection, unless an object of one of the kinds exists
#
# hack/undeploy.sh removes the operator. IMAGE is the operator's image, which the cluster can pull. KUBECTL is kubectl
# unless told.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
KUBECTL=${KUBECTL:-kubectl}

crds() { "$KUBECTL" kustomize "$REPO_DIR/config/crd"; }

need_image() {
  [ -n "${IMAGE-}" ] || die "give IMAGE, a name that the cluster can pull: IMAGE=registry.example.com/scim-operator:v1"
}

everything() { "$KUBECTL" kustomize "$REPO_DIR/config/install" | sed "s|localhost/scim-operator:dev|$IMAGE|"; } # in the Deployment, and in the role that lets it run

names() { crds | awk '$1 == "name:" && /\.scim-operator\.io$/ { print $2 }'; }

# occupied prints how many objects each kind has that has any.
occupied() {
  local crd count
  for crd in $(names); do
    "$KUBECTL" get crd "$crd" >/dev/null 2>&1 || continue
    count=$("$KUBECTL" get "$crd" --all-namespaces --output name | wc -l)
    [ "$count" -eq 0 ] || echo "$count ${crd%%.*}"
  done
}

uninstall() {
  local left crd
  left=$(occupied)
  [ -z "$left" ] || die "the CRDs stay, because deleting one deletes every object of its kind, people too; there are:
$left
docs/operations.md says how to remove them"
  for crd in $(names); do
    "$KUBECTL" get crd "$crd" >/dev/null 2>&1 || continue
    "$KUBECTL" annotate --overwrite crd "$crd" scim-operator.io/delete-people=yes
  done
  crds | "$KUBECTL" delete --ignore-not-found --filename -
  "$KUBECTL" delete --ignore-not-found --kustomize "$REPO_DIR/config/protection"
}

case ${1-} in
  print) need_image && everything ;;
  install)
    crds | "$KUBECTL" apply --server-side --filename -
    "$KUBECTL" apply --server-side --kustomize "$REPO_DIR/config/protection"
    ;;
  deploy) need_image && everything | "$KUBECTL" apply --server-side --filename - ;;
  uninstall) uninstall ;;
  *) usage && exit 2 ;;
esac
