# shellcheck shell=bash disable=SC2034 # the other files read these
# Where the local cluster lives: paths, addresses and ports. Sourced by cluster.sh.

# What should outlive a reboot, and what must not: process ids, sockets, running containers.
STATE_DIR=${SCIM_CLUSTER_DIR:-$CACHE_DIR/cluster}
case $STATE_DIR in /*) ;; *) STATE_DIR=$PWD/$STATE_DIR ;; esac
# Short on purpose: a socket's path has at most 107 bytes, and containerd's take 64 of them.
RUN_DIR=/run/scim-operator-cluster

PKI_DIR=$STATE_DIR/pki
CONFIG_DIR=$STATE_DIR/config
LOG_DIR=$STATE_DIR/logs
ADMIN_KUBECONFIG=$STATE_DIR/kubeconfig
CONTAINERD_SOCKET=$RUN_DIR/containerd.sock

NODE_NAME=scim-operator
# The node's address is the bridge's: it exists on no other network, and pods and host both reach it.
BRIDGE=scim0
NODE_IP=10.231.0.1
POD_CIDR=10.231.0.0/24
SERVICE_CIDR=10.232.0.0/16
FIRST_SERVICE_IP=10.232.0.1

INGRESS_ADDRESS=${SCIM_CLUSTER_INGRESS_ADDRESS:-127.0.0.1}
INGRESS_HTTPS_PORT=${SCIM_CLUSTER_HTTPS_PORT:-9443}
API_PORT=${SCIM_CLUSTER_API_PORT:-26443}
# These listen on loopback, or on the bridge alone.
ETCD_URL=https://127.0.0.1:22379
ETCD_PEER_URL=https://127.0.0.1:22380
ETCD_METRICS_URL=http://127.0.0.1:22381
KUBELET_PORT=20250
KUBELET_HEALTH_PORT=20248
KUBE_PROXY_METRICS_ADDRESS=127.0.0.1:20249
KUBE_PROXY_HEALTH_ADDRESS=127.0.0.1:20256
CONTROLLER_MANAGER_PORT=20257
SCHEDULER_PORT=20259
SKIPPER_SUPPORT_ADDRESS=127.0.0.1:29911

API_URL=https://$NODE_IP:$API_PORT

# write FILE writes its input, but leaves a file alone that says the same: kube-proxy ends when its file is touched.
write() {
  local content
  content=$(cat)
  mkdir -p "$(dirname "$1")"
  [ -f "$1" ] && [ "$(cat "$1")" = "$content" ] || printf '%s\n' "$content" >"$1"
}

binary() { "$HACK_DIR/build.sh" --path "$1"; }
kubectl() { "$(binary kubectl)" --kubeconfig "$ADMIN_KUBECONFIG" --cache-dir "$STATE_DIR/kubectl" "$@"; }
ctr() { "$(binary ctr)" --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"; }
