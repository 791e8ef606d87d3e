# shellcheck shell=bash
# One certificate authority, a certificate for each component, and kubeconfigs that hold them.

make_certificates() {
  mkdir -p "$PKI_DIR"
  chmod 700 "$PKI_DIR"
  if [ ! -f "$PKI_DIR/ca.crt" ]; then
    new_key ca
    openssl req -x509 -new -key "$PKI_DIR/ca.key" -days 3650 -subj "/CN=scim-operator-cluster" \
      -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign -out "$PKI_DIR/ca.crt"
  fi
  [ -f "$PKI_DIR/service-accounts.key" ] || new_key service-accounts
  openssl pkey -in "$PKI_DIR/service-accounts.key" -pubout -out "$PKI_DIR/service-accounts.pub"
  # skipper takes a token and no certificate.
  [ -f "$PKI_DIR/skipper.token" ] || openssl rand -hex 32 >"$PKI_DIR/skipper.token"
  echo "$(cat "$PKI_DIR/skipper.token"),skipper,skipper" >"$PKI_DIR/tokens.csv"

  local loopback="DNS:localhost,IP:127.0.0.1"
  certificate etcd "/CN=etcd" "$loopback"
  certificate etcd-client "/CN=kube-apiserver"
  certificate kube-apiserver "/CN=kube-apiserver" \
    "$loopback,IP:$NODE_IP,IP:$FIRST_SERVICE_IP,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certificate kubelet-client "/O=system:masters/CN=kube-apiserver-kubelet-client"
  certificate kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" "$loopback,IP:$NODE_IP,DNS:$NODE_NAME"
  certificate kube-controller-manager "/CN=system:kube-controller-manager" "$loopback"
  certificate kube-scheduler "/CN=system:kube-scheduler" "$loopback"
  certificate kube-proxy "/CN=system:kube-proxy"
  certificate admin "/O=system:masters/CN=admin"

  local name
  for name in kubelet kube-controller-manager kube-scheduler kube-proxy; do
    kubeconfig "$name" | write "$CONFIG_DIR/$name.kubeconfig"
  done
  kubeconfig admin | write "$ADMIN_KUBECONFIG"
}

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$PKI_DIR/$1.key"; }

# certificate NAME SUBJECT [ALTERNATIVE_NAMES] keeps one that is good for another month.
certificate() {
  local crt=$PKI_DIR/$1.crt usage=clientAuth
  openssl x509 -in "$crt" -checkend $((30 * 24 * 3600)) >/dev/null 2>&1 && return
  [ -z "${3-}" ] || usage+=,serverAuth
  new_key "$1"
  openssl req -new -key "$PKI_DIR/$1.key" -subj "$2" |
    openssl x509 -req -days 365 -CA "$PKI_DIR/ca.crt" -CAkey "$PKI_DIR/ca.key" -set_serial "0x$(openssl rand -hex 8)" -out "$crt" 2>/dev/null \
      -extfile <(printf '%s\n' "extendedKeyUsage=$usage" "keyUsage=critical,digitalSignature" ${3+"subjectAltName=$3"})
}

# kubeconfig NAME prints one that needs no other file.
kubeconfig() {
  cat <<END
apiVersion: v1
kind: Config
current-context: scim-operator
clusters:
- name: scim-operator
  cluster: {server: "$API_URL", certificate-authority-data: $(base64 -w0 "$PKI_DIR/ca.crt")}
contexts:
- name: scim-operator
  context: {cluster: scim-operator, user: $1}
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 "$PKI_DIR/$1.crt")
    client-key-data: $(base64 -w0 "$PKI_DIR/$1.key")
END
}
