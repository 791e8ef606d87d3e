# shellcheck shell=bash
# etcd, kube-apiserver, kube-controller-manager and kube-scheduler.

start_control_plane() {
  start_etcd
  start_apiserver
  start_controllers
}

start_etcd() {
  start etcd "$(binary etcd)" --name scim-operator --data-dir "$STATE_DIR/etcd" --log-level warn \
    --listen-client-urls "$ETCD_URL" --advertise-client-urls "$ETCD_URL" \
    --listen-peer-urls "$ETCD_PEER_URL" --initial-advertise-peer-urls "$ETCD_PEER_URL" \
    --initial-cluster "scim-operator=$ETCD_PEER_URL" \
    --listen-metrics-urls "$ETCD_METRICS_URL" \
    --client-cert-auth --trusted-ca-file "$PKI_DIR/ca.crt" \
    --cert-file "$PKI_DIR/etcd.crt" --key-file "$PKI_DIR/etcd.key" \
    --peer-client-cert-auth --peer-trusted-ca-file "$PKI_DIR/ca.crt" \
    --peer-cert-file "$PKI_DIR/etcd.crt" --peer-key-file "$PKI_DIR/etcd.key"
  await etcd 120 curl -fsS "$ETCD_METRICS_URL/health"
}

start_apiserver() {
  # Pods must reach it, so it listens on the bridge; nothing else does.
  start kube-apiserver "$(binary kube-apiserver)" \
    --bind-address "$NODE_IP" --advertise-address "$NODE_IP" --secure-port "$API_PORT" \
    --tls-cert-file "$PKI_DIR/kube-apiserver.crt" --tls-private-key-file "$PKI_DIR/kube-apiserver.key" \
    --client-ca-file "$PKI_DIR/ca.crt" --token-auth-file "$PKI_DIR/tokens.csv" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
    --service-cluster-ip-range "$SERVICE_CIDR" \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$PKI_DIR/service-accounts.pub" \
    --service-account-signing-key-file "$PKI_DIR/service-accounts.key" \
    --etcd-servers "$ETCD_URL" --etcd-cafile "$PKI_DIR/ca.crt" \
    --etcd-certfile "$PKI_DIR/etcd-client.crt" --etcd-keyfile "$PKI_DIR/etcd-client.key" \
    --kubelet-certificate-authority "$PKI_DIR/ca.crt" --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$PKI_DIR/kubelet-client.crt" --kubelet-client-key "$PKI_DIR/kubelet-client.key"
  await kube-apiserver 180 kubectl get --raw /readyz
}

start_controllers() {
  local name port options
  for name in kube-controller-manager kube-scheduler; do
    local config=$CONFIG_DIR/$name.kubeconfig
    options=(--kubeconfig "$config" --authentication-kubeconfig "$config" --authorization-kubeconfig "$config"
      --tls-cert-file "$PKI_DIR/$name.crt" --tls-private-key-file "$PKI_DIR/$name.key"
      # There is one of each, so a lease would only be written for nobody.
      --bind-address 127.0.0.1 --leader-elect=false)
    case $name in
      kube-controller-manager)
        port=$CONTROLLER_MANAGER_PORT
        options+=(--use-service-account-credentials --root-ca-file "$PKI_DIR/ca.crt"
          --service-account-private-key-file "$PKI_DIR/service-accounts.key"
          --cluster-signing-cert-file "$PKI_DIR/ca.crt" --cluster-signing-key-file "$PKI_DIR/ca.key") ;;
      kube-scheduler) port=$SCHEDULER_PORT ;;
    esac
    start "$name" "$(binary "$name")" "${options[@]}" --secure-port "$port"
    await "$name" 120 curl -fsS --cacert "$PKI_DIR/ca.crt" "https://127.0.0.1:$port/healthz"
  done
}
