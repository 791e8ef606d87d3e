#!/usr/bin/env bash
# The main job on a real cluster: the operator, an IdentityProvider, an IdP's first sync.
#
#   demo.sh up        bring everything up, play the sync, show what came of it, write bin/demo.env
#   demo.sh operator  bring up the cluster and the operator alone, write bin/cluster.env
#   demo.sh down      remove the demo again, and the cluster where demo.sh made it
#
# What the demo leaves in the namespace acme is there to be played with. `up` again brings its five users and two
# groups back to where they were, and leaves alone what else is there.
#
# From the environment:
#   CLUSTER        local  a one-node cluster made here from binaries built from Go modules (default)
#                  kind   a kind cluster named scim-operator
#                  current  the cluster of the current kubeconfig context
#   IMAGE          the image's name without a tag (localhost/scim-operator); with CLUSTER=current, unless
#                  its context is kind-* or minikube, one to push to and for the nodes to pull
#   IMAGE_TAG      its tag (made from its content)
#   DEMO_INGRESS   host:port where the cluster's Ingress controller answers HTTPS; needed with
#                  CLUSTER=current, known otherwise
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=lib/tenant.sh
source "$HACK_DIR/demo/lib/tenant.sh"
# shellcheck source=lib/kind.sh
source "$HACK_DIR/demo/lib/kind.sh"
# shellcheck source=lib/current.sh
source "$HACK_DIR/demo/lib/current.sh"

cluster=${CLUSTER:-local}
demo_dir=$REPO_DIR/bin/demo
env_file=$REPO_DIR/bin/demo.env
cluster_env_file=$REPO_DIR/bin/cluster.env
namespace=acme
host=scim.acme.example
image=${IMAGE:-localhost/scim-operator}
# Where the Ingress controller of a cluster that is made here listens.
local_address=${SCIM_CLUSTER_INGRESS_ADDRESS:-127.0.0.1}
local_port=${SCIM_CLUSTER_HTTPS_PORT:-9443}

# How many steps there are: half of them bring up the operator.
steps=6
[ "${1-}" != operator ] || steps=3

step() { printf '\n==> %s\n' "$*" >&2; }
kubectl() { "$kubectl_binary" "$@"; }

# use_cluster makes KUBECONFIG and kubectl point at the cluster, without starting anything.
use_cluster() {
  case $cluster in
    local)
      KUBECONFIG=$("$HACK_DIR/cluster/cluster.sh" kubeconfig)
      kubectl_binary=$("$HACK_DIR/build.sh" --path kubectl) ;;
    kind | current)
      KUBECONFIG=${KUBECONFIG:-$HOME/.kube/config}
      [ "$cluster" = current ] || KUBECONFIG=$demo_dir/kind.kubeconfig
      kubectl_binary=$(type -P kubectl) || die "kubectl is not installed: https://kubernetes.io/docs/tasks/tools/" ;;
    *) die "CLUSTER is '$cluster'; it can be local, kind or current" ;;
  esac
  export KUBECONFIG
}

# find_ingress sets ingress, as host:port, and ingress_ip, as curl's --resolve takes it.
find_ingress() {
  ingress=${DEMO_INGRESS-}
  if [ -z "$ingress" ]; then
    [ "$cluster" != current ] || return 0
    case $local_address in
      0.0.0.0 | "[::]") ingress=127.0.0.1:$local_port ;;
      *) ingress=$local_address:$local_port ;;
    esac
  fi
  [[ $ingress =~ ^(.+):([0-9]+)$ ]] || die "DEMO_INGRESS is '$ingress'; it must be host:port"
  ingress_ip=$(ip_of "${BASH_REMATCH[1]}")
}

# ip_of HOST prints the address of a name, and an address as it is; an IPv6 address is in brackets.
ip_of() {
  case $1 in
    "["*"]") echo "$1" && return ;;
    *[!0-9.]*) ;;
    *) echo "$1" && return ;;
  esac
  local ip
  ip=$(getent ahostsv4 "$1" || getent ahostsv6 "$1") || die "cannot resolve '$1' of DEMO_INGRESS; use its IP address"
  ip=${ip%%[[:blank:]]*}
  case $ip in *:*) echo "[$ip]" ;; *) echo "$ip" ;; esac
}

start_cluster() {
  step "1/$steps A Kubernetes cluster ($cluster)"
  case $cluster in
    local) "$HACK_DIR/cluster/cluster.sh" up ;;
    kind) start_kind ;;
    current) check_current ;;
  esac
  kubectl get nodes
}

# build_image tags the image with its content, so that a new build is rolled out and an old one is not.
build_image() {
  step "2/$steps The image"
  make --no-print-directory -C "$REPO_DIR" image-binary
  tag=${IMAGE_TAG:-$(sha256sum "$REPO_DIR/bin/image/scim-operator" | cut -c1-12)}
  if [ "$(cat "$demo_dir/image" 2>/dev/null)" = "$image:$tag $(cluster_id)" ]; then
    say "$image:$tag is in the cluster already"
    return
  fi
  IMAGE=$image:$tag "$HACK_DIR/image.sh" build "$REPO_DIR/bin/image.tar"
  CLUSTER=$cluster KIND_CLUSTER=$KIND_CLUSTER IMAGE=$image:$tag "$HACK_DIR/image.sh" load "$REPO_DIR/bin/image.tar"
  echo "$image:$tag $(cluster_id)" >"$demo_dir/image"
}

cluster_id() { kubectl get namespace kube-system -o jsonpath='{.metadata.uid}'; }

install_operator() {
  step "3/$steps The operator: kubectl apply --server-side -k config/install"
  mkdir -p "$demo_dir/operator"
  cat >"$demo_dir/operator/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../../config/install]
images:
- {name: localhost/scim-operator, newName: $image, newTag: "$tag"}
replacements:
- source: {kind: Deployment, name: scim-operator-manager, fieldPath: spec.template.spec.containers.0.image}
  targets:
  - {select: {kind: ClusterRole, name: scim-operator-server-image}, fieldPaths: [rules.0.resourceNames.0]}
labels:
- pairs: {$DEMO_LABEL: "true"}
END
  kubectl apply --server-side --force-conflicts -k "$demo_dir/operator"
  kubectl wait --for=condition=Established --timeout=60s crd -l app.kubernetes.io/part-of=scim-operator
  kubectl -n scim-operator-system rollout status deployment/scim-operator-manager --timeout=180s
}

apply_samples() {
  step "4/6 An identity provider: kubectl apply -k config/samples"
  apply_tenant "$demo_dir" "$namespace" "$host"
}

show_connection() {
  step "5/6 What the administrator copies into Okta"
  await_provider "$namespace"
  kubectl -n "$namespace" get identityprovider okta \
    -o custom-columns='BASE URL:.status.connection.baseURL,TOKEN IN SECRET:.status.connection.tokenSecretName,ORGANIZATION ID:.status.connection.organizationID,SAML ENTITY ID:.status.connection.samlEntityID'
}

# write_env finds a token that is in force: the newest or, once its Secret has been deleted, the copy of the last
# run. It asks for a new one where neither is.
write_env() {
  local url token
  url=$(provider_status "$namespace" connection.baseURL)
  eventually 60 answers 401 "$demo_dir" "$url" "$host" ||
    die "the endpoint does not answer through the Ingress controller at $ingress"
  token=$(token_of "$namespace")
  [ -n "$token" ] || token=$(sed -n 's/^SCIM_TOKEN=//p' "$env_file" 2>/dev/null || true)
  if [ -z "$token" ] || ! eventually 10 answers 200 "$demo_dir" "$url" "$host" "$token"; then
    say "no copy of a token that is in force is left: asking for a new one"
    rotate_token
    token=$(token_of "$namespace")
    eventually 60 answers 200 "$demo_dir" "$url" "$host" "$token" || die "the endpoint does not accept its new token"
  fi
  (umask 077 && connection "$demo_dir" "$namespace" "$host" "$token" >"$env_file")
}

rotate_token() {
  generation=$(kubectl -n "$namespace" get scimendpoint okta -o jsonpath='{.status.tokenGeneration}')
  generation=$((${generation:-0} + 1))
  kubectl -n "$namespace" patch identityprovider okta --type merge \
    -p '{"spec":{"scim":{"endpoint":{"token":{"generation":'"$generation"'}}}}}'
  eventually 60 token_is_new || die "the operator issues no new token"
}

token_is_new() {
  [ "$(kubectl -n "$namespace" get scimendpoint okta -o jsonpath='{.status.tokenGeneration}')" -ge "$generation" ] &&
    [ -n "$(token_of "$namespace")" ]
}

# users_are_counted: five came with the sync, and there may be more.
users_are_counted() { [ "$(provider_status "$namespace" users)" -ge 5 ]; }

# show_result lists the users and groups that the sync left, and counts what else is there.
show_result() {
  local synced users
  mapfile -t synced <"$demo_dir/synced"
  step "What came of it: kubectl -n $namespace get idp,scimep,scimusers,scimgroups"
  kubectl -n "$namespace" get idp,scimep
  echo
  kubectl -n "$namespace" get "${synced[@]}"
  users=$(provider_status "$namespace" users)
  [ "$users" -le 5 ] || say "and $((users - 5)) more users, who did not come with this sync"
}

operator() {
  ensure_packages <<'END'
openssl openssl
curl curl
END
  mkdir -p "$demo_dir"
  use_cluster
  echo "$cluster" >"$demo_dir/cluster"
  find_ingress
  start_cluster
  build_image
  install_operator
  cat >"$cluster_env_file" <<END
KUBECONFIG=$KUBECONFIG
KUBECTL=$kubectl_binary
INGRESS=$ingress_ip:${ingress##*:}
END
}

up() {
  operator
  apply_samples
  show_connection
  write_env
  step "6/6 Okta's first sync, through the Ingress"
  SYNCED=$demo_dir/synced "$HACK_DIR/demo/okta-sync.sh"
  # Counts are refreshed at most once in ten seconds.
  eventually 60 users_are_counted || die "the status of the identity provider does not count the five users"
  show_result
  cat >&2 <<'END'

Try it:  . bin/demo.env
         curl --cacert $SCIM_CACERT --resolve $SCIM_RESOLVE -H "Authorization: Bearer $SCIM_TOKEN" $SCIM_BASE_URL/Users
Remove:  make demo-down
END
}

down() {
  # The demo may have been made on another kind of cluster than the one that is named now.
  local made=""
  [ ! -f "$demo_dir/cluster" ] || made=$(<"$demo_dir/cluster")
  cluster=${CLUSTER:-${made:-$cluster}}
  [ -z "$made" ] || [ "$made" = "$cluster" ] || die "this demo was made with CLUSTER=$made: run 'CLUSTER=$made make demo-down'"
  use_cluster
  case $cluster in
    local) "$HACK_DIR/cluster/cluster.sh" down ;;
    kind) kind delete cluster --name "$KIND_CLUSTER" --kubeconfig "$KUBECONFIG" ;;
    current) remove_from_current ;;
  esac
  rm -rf "$demo_dir" "$REPO_DIR/bin/endpoints" "$env_file" "$cluster_env_file"
}

case ${1-} in
  up) up ;;
  operator) operator ;;
  down) down ;;
  *)
    usage
    [ "${1-help}" = help ] ;;
esac
