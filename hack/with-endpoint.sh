#!/usr/bin/env bash
# Runs a command beside an endpoint of its own, on the cluster that `make operator` or `make demo` prepared.
#
#   with-endpoint.sh NAME COMMAND...
#
# It makes the namespace test-NAME with the identity provider of config/samples under the host NAME.test.example,
# runs the command with KUBECONFIG and SCIM_BASE_URL, SCIM_TOKEN, SCIM_CACERT, SCIM_NAMESPACE and SCIM_RESOLVE in
# its environment, and removes the namespace and everything in it, whatever the command did.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=demo/lib/tenant.sh
source "$HACK_DIR/demo/lib/tenant.sh"
[ $# -ge 2 ] || { usage; exit 2; }
[[ $1 =~ ^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$ ]] || die "NAME is '$1'; it must be a DNS label of at most 40 characters"
namespace=test-$1
host=$1.test.example
dir=$REPO_DIR/bin/endpoints/$1
shift

cluster_env=$REPO_DIR/bin/cluster.env
[ -f "$cluster_env" ] || die "bin/cluster.env is missing: run 'make operator' first"
KUBECONFIG=$(sed -n 's/^KUBECONFIG=//p' "$cluster_env")
kubectl_binary=$(sed -n 's/^KUBECTL=//p' "$cluster_env")
ingress=$(sed -n 's/^INGRESS=//p' "$cluster_env")
ingress_ip=${ingress%:*}
export KUBECONFIG
kubectl() { "$kubectl_binary" "$@"; }

# remove_namespace deletes what such a run made, and nothing else of that name. Nothing is deleted one by one, which
# kubectl does at five a second: the namespace takes along what is in it.
remove_namespace() {
  kubectl delete namespaces --field-selector "metadata.name=$namespace" --selector "$DEMO_LABEL=true" --timeout=300s >&2
  rm -rf "$dir"
}

remove() {
  local status=$?
  trap '' INT TERM
  remove_namespace || status=1
  exit "$status"
}
trap remove EXIT
trap 'exit 130' INT TERM

remove_namespace # a run that was killed may have left it behind
[ -z "$(kubectl get namespace "$namespace" --ignore-not-found -o name)" ] ||
  die "the namespace $namespace is not one that this script made, and it is left alone"
mkdir -p "$dir"
{
  apply_tenant "$dir" "$namespace" "$host"
  await_provider "$namespace"
} >&2
token=$(token_of "$namespace")
[ -n "$token" ] || die "the endpoint in $namespace has no token"
url=$(provider_status "$namespace" connection.baseURL)
eventually 60 answers 200 "$dir" "$url" "$host" "$token" || die "the endpoint in $namespace does not answer through the Ingress controller at $ingress"
umask 077
connection "$dir" "$namespace" "$host" "$token" >"$dir/env"
set -a
# shellcheck source=/dev/null
source "$dir/env"
set +a
"$@"
