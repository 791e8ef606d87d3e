# shellcheck shell=bash disable=SC2154 # who sources it sets what is not set here
# A tenant: a namespace with the identity provider of config/samples, under a host of its own. Sourced by
# demo.sh and by with-endpoint.sh, which set ingress (host:port), ingress_ip and a function kubectl.

# What a person plays with, or a test makes, bears this label.
DEMO_LABEL=scim-operator.io/demo

# make_certificate DIR HOST plays the company's CA for a host.
make_certificate() {
  local dir=$1 host=$2
  ! openssl x509 -in "$dir/tls.crt" -noout -checkend 86400 >/dev/null 2>&1 || return 0
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=scim-operator demo CA" \
    -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$host" -keyout "$dir/tls.key" -out "$dir/tls.csr" 2>/dev/null
  openssl x509 -req -in "$dir/tls.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
    -out "$dir/tls.crt" -extfile <(printf 'subjectAltName=DNS:%s' "$host") 2>/dev/null
}

# apply_tenant DIR NAMESPACE HOST applies config/samples to the namespace.
apply_tenant() {
  local dir=$1 namespace=$2 host=$3
  mkdir -p "$dir/samples"
  make_certificate "$dir" "$host"
  {
    cat <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: $namespace
resources: [$(realpath --relative-to="$dir/samples" "$REPO_DIR/config/samples")]
labels:
- pairs: {$DEMO_LABEL: "true"}
patches:
- target: {kind: IdentityProvider, name: okta}
  patch: |
    - {op: replace, path: /spec/scim/endpoint/exposure/ingress/host, value: $host}
END
    # An Ingress controller on another port than 443 shows in every URL that the endpoint gives out.
    [ "${ingress##*:}" = 443 ] ||
      echo "    - {op: add, path: /spec/scim/endpoint/exposure/baseURL, value: \"https://$host:${ingress##*:}/scim/v2\"}"
  } >"$dir/samples/kustomization.yaml"
  await_removal "$namespace"
  kubectl apply --server-side --force-conflicts -k "$dir/samples"
  kubectl -n "$namespace" create secret tls scim-tls --cert="$dir/tls.crt" --key="$dir/tls.key" \
    --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f -
}

# await_removal NAMESPACE waits until a namespace that is being deleted is gone.
await_removal() {
  if [ "$(kubectl get namespace "$1" --ignore-not-found -o jsonpath='{.status.phase}')" = Terminating ]; then
    say "waiting until the namespace $1, which is being deleted, is gone"
    kubectl wait --for=delete "namespace/$1" --timeout=300s
  fi
}

await_provider() { kubectl -n "$1" wait --for=condition=Ready --timeout=180s identityprovider/okta; }

provider_status() { kubectl -n "$1" get identityprovider okta -o jsonpath="{.status.$2}"; }

# token_of NAMESPACE prints the newest token, or nothing once its Secret has been deleted.
token_of() {
  local secret
  secret=$(provider_status "$1" connection.tokenSecretName)
  [ -z "$secret" ] || kubectl -n "$1" get secret "$secret" -o jsonpath='{.data.token}' --ignore-not-found | base64 -d
}

# connection DIR NAMESPACE HOST TOKEN prints how clients reach the tenant's endpoint, as NAME=value lines.
connection() {
  cat <<END
KUBECONFIG=$KUBECONFIG
SCIM_BASE_URL=$(provider_status "$2" connection.baseURL)
SCIM_TOKEN=$4
SCIM_CACERT=$1/ca.crt
SCIM_NAMESPACE=$2
SCIM_RESOLVE=$3:${ingress##*:}:$ingress_ip
END
}

# answers STATUS DIR URL HOST [TOKEN]: the endpoint answers with this status. Ingress controllers learn of one some
# time after it is ready.
answers() {
  local status
  # The token is read from standard input: an argument would show in the process list.
  status=$(printf 'header = "Authorization: Bearer %s"\n' "${5:-none}" |
    curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' --config - --cacert "$2/ca.crt" \
      --resolve "$4:${ingress##*:}:$ingress_ip" "$3/Users?count=0")
  [ "$status" = "$1" ]
}
