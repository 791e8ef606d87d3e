# shellcheck shell=bash
# skipper, the Ingress controller: a process beside the node.

start_ingress() {
  skipper_access '{apiGroup: rbac.authorization.k8s.io, kind: User, name: skipper}' | kubectl apply -f - >/dev/null
  # Outside a pod skipper trusts the system's authorities and has no flag for another.
  start skipper env SSL_CERT_FILE="$PKI_DIR/ca.crt" "$(binary skipper)" "${SKIPPER_OPTIONS[@]}" \
    -kubernetes-in-cluster=false -kubernetes-url "$API_URL" -kubernetes-token-file "$PKI_DIR/skipper.token" \
    -address "$INGRESS_ADDRESS:$INGRESS_HTTPS_PORT" -support-listener "$SKIPPER_SUPPORT_ADDRESS"
  await skipper 120 curl -fsS "http://$SKIPPER_SUPPORT_ADDRESS/metrics"
}
