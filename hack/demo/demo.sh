#!/usr/bin/env bash
# The main job on a real cluster: the operator, an IdentityProvider, an IdP's first sync.
#
#   demo.sh up    bring everything up, play the sync, show what came of it, write bin/demo.env
#   demo.sh down  remove the demo again, and the cluster where demo.sh made it
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
# shellcheck source=lib/kind.sh
source "$HACK_DIR/demo/lib/kind.sh"
# shellcheck source=lib/current.sh
source "$HACK_DIR/demo/lib/current.sh"

cluster=${CLUSTER:-local}
demo_dir=$REPO_DIR/bin/demo
env_file=$REPO_DIR/bin/demo.env
namespace=acme
host=scim.acme.example
image=${IMAGE:-localhost/scim-operator}
# Where the Ingress controller of a cluster that is made here listens.
local_address=${SCIM_CLUSTER_INGRESS_ADDRESS:-127.0.0.1}
local_port=${SCIM_CLUSTER_HTTPS_PORT:-9443}

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
  step "1/6 A Kubernetes cluster ($cluster)"
  case $cluster in
    local) "$HACK_DIR/cluster/cluster.sh" up ;;
    kind) start_kind ;;
    current) check_current ;;
  esac
  kubectl get nodes
}

# build_image tags the image with its content, so that a new build is rolled out and an old one is not.
build_image() {
  step "2/6 The image"
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
  step "3/6 The operator: kubectl apply --server-side -k config/default"
  mkdir -p "$demo_dir/operator"
  cat >"$demo_dir/operator/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../../config/default]
images:
- {name: localhost/scim-operator, newName: $image, newTag: "$tag"}
labels:
- pairs: {$DEMO_LABEL: "true"}
END
  kubectl apply --server-side --force-conflicts -k "$demo_dir/operator"
  kubectl wait --for=condition=Established --timeout=60s crd -l app.kubernetes.io/part-of=scim-operator
  kubectl -n scim-operator-system rollout status deployment/scim-operator-manager --timeout=180s
}

# make_certificate plays the company's CA for the Ingress host.
make_certificate() {
  cd "$demo_dir"
  if ! openssl x509 -in tls.crt -noout -checkend 86400 >/dev/null 2>&1; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=scim-operator demo CA" \
      -keyout ca.key -out ca.crt 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$host" -keyout tls.key -out tls.csr 2>/dev/null
    openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out tls.crt \
      -extfile <(printf 'subjectAltName=DNS:%s' "$host") 2>/dev/null
  fi
  cd - >/dev/null
}

apply_samples() {
  step "4/6 An identity provider: kubectl apply -k config/samples"
  make_certificate
  mkdir -p "$demo_dir/samples"
  cat >"$demo_dir/samples/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: $namespace
resources: [../../../config/samples]
labels:
- pairs: {$DEMO_LABEL: "true"}
END
  # An Ingress controller on another port than 443 shows in every URL that the endpoint gives out.
  if [ "${ingress##*:}" != 443 ]; then
    cat >>"$demo_dir/samples/kustomization.yaml" <<END
patches:
- target: {kind: IdentityProvider, name: okta}
  patch: |
    - {op: add, path: /spec/scim/endpoint/exposure/baseURL, value: "https://$host:${ingress##*:}/scim/v2"}
END
  fi
  kubectl apply --server-side --force-conflicts -k "$demo_dir/samples"
  kubectl -n "$namespace" create secret tls scim-tls --cert="$demo_dir/tls.crt" --key="$demo_dir/tls.key" \
    --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f -
}

show_connection() {
  step "5/6 What the administrator copies into Okta"
  kubectl -n "$namespace" wait --for=condition=Ready --timeout=180s identityprovider/okta
  kubectl -n "$namespace" get identityprovider okta \
    -o custom-columns='BASE URL:.status.connection.baseURL,TOKEN IN SECRET:.status.connection.tokenSecretName,ORGANIZATION ID:.status.connection.organizationID,SAML ENTITY ID:.status.connection.samlEntityID'
}

write_env() {
  local secret token=""
  secret=$(kubectl -n "$namespace" get identityprovider okta -o jsonpath='{.status.connection.tokenSecretName}')
  [ -z "$secret" ] ||
    token=$(kubectl -n "$namespace" get secret "$secret" -o jsonpath='{.data.token}' --ignore-not-found | base64 -d)
  # The Secret may have been deleted since; then the copy of the last run is what there is.
  [ -n "$token" ] || token=$(sed -n 's/^SCIM_TOKEN=//p' "$env_file" 2>/dev/null || true)
  [ -n "$token" ] || die "the token's Secret is gone and no copy of the token is left: run 'make demo-down' and 'make demo'"
  (
    umask 077
    cat >"$env_file" <<END
KUBECONFIG=$KUBECONFIG
SCIM_BASE_URL=$(kubectl -n "$namespace" get identityprovider okta -o jsonpath='{.status.connection.baseURL}')
SCIM_TOKEN=$token
SCIM_CACERT=$demo_dir/ca.crt
SCIM_NAMESPACE=$namespace
SCIM_RESOLVE=$host:${ingress##*:}:$ingress_ip
END
  )
}

# answers: Ingress controllers learn of an endpoint some time after it is ready. Without a token it says 401.
answers() {
  local url status
  url=$(sed -n 's/^SCIM_BASE_URL=//p' "$env_file")
  status=$(curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' --cacert "$demo_dir/ca.crt" \
    --resolve "$host:${ingress##*:}:$ingress_ip" "$url/Users")
  [ "$status" = 401 ]
}

# users_are_counted: five came with the sync, and more may have come since the last one.
users_are_counted() {
  local users
  users=$(kubectl -n "$namespace" get identityprovider okta -o jsonpath='{.status.users}')
  [ "${users:-0}" -ge 5 ]
}

up() {
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
  apply_samples
  show_connection
  write_env
  step "6/6 Okta's first sync, through the Ingress"
  eventually 60 answers || die "the endpoint does not answer through the Ingress controller at $ingress"
  "$HACK_DIR/demo/okta-sync.sh"
  # Counts are refreshed at most once in ten seconds.
  eventually 60 users_are_counted || die "the status of the identity provider does not count the five users"
  step "What came of it: kubectl -n $namespace get idp,scimep,scimusers,scimgroups"
  kubectl -n "$namespace" get idp,scimep,scimusers,scimgroups
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
  rm -rf "$demo_dir" "$env_file"
}

case ${1-} in
  up) up ;;
  down) down ;;
  *)
    usage
    [ "${1-help}" = help ] ;;
esac
