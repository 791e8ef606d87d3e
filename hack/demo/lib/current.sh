# shellcheck shell=bash disable=SC2154 # demo.sh sets what is not set here
# The cluster of the current kubeconfig context, which others may use too: what the demo makes there bears its
# label, and nothing else is changed or deleted. Sourced by demo.sh.

CLUSTER_SCOPED=validatingadmissionpolicybindings,validatingadmissionpolicies,clusterrolebindings,clusterroles

# check_current refuses, before anything is made, what cannot succeed or is not the demo's to change.
check_current() {
  local context found
  context=$(kubectl config current-context)
  say "using the context $context"
  case $context:${IMAGE-} in
    kind-*:* | minikube:*) ;; # it takes images without a registry
    *: | *:localhost/*)
      die "set IMAGE to a name without a tag, in a registry that you can push to and this cluster's nodes can pull from" ;;
  esac
  case ${image##*/} in
    *[:@]*) die "IMAGE is '$image'; it must be a name without a tag (IMAGE_TAG sets that)" ;;
  esac
  [ -n "$ingress" ] || die "set DEMO_INGRESS=host:port to where this cluster's Ingress controller answers HTTPS"
  found=$(kubectl get namespaces,customresourcedefinitions --selector "$DEMO_LABEL!=true" -o name)
  found=$(grep -E "^namespace/($namespace|scim-operator-system)\$|[./]scim-operator\.io\$" <<<"$found" || true)
  [ -z "$found" ] || die "this cluster has what the demo did not make, and it is left alone: ${found//$'\n'/ }"
}

# remove_from_current deletes what bears the label: the tenants first, while the operator can still finish the
# deletion of their users and groups, then the operator, and nothing while other tenants use it.
remove_from_current() {
  local crds left
  delete_labelled namespaces --field-selector "metadata.name!=scim-operator-system"
  crds=$(kubectl get customresourcedefinitions --selector "$DEMO_LABEL=true" -o jsonpath='{.items[*].metadata.name}')
  if [ -n "$crds" ]; then
    left=$(kubectl get "${crds// /,}" --all-namespaces --ignore-not-found \
      -o jsonpath='{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\n"}{end}')
    [ -z "$left" ] || die "the operator stays, because these would be lost with it; delete them first:
$(head -n 20 <<<"$left")"
  fi
  delete_labelled namespaces --field-selector metadata.name=scim-operator-system
  # Nobody is left, so that nobody goes with the definitions.
  [ -z "$crds" ] || kubectl annotate --overwrite customresourcedefinitions --selector "$DEMO_LABEL=true" scim-operator.io/delete-people=yes
  delete_labelled "$CLUSTER_SCOPED"
  delete_labelled customresourcedefinitions
}

delete_labelled() { kubectl delete "$@" --selector "$DEMO_LABEL=true" --ignore-not-found --timeout=180s; }
