# shellcheck shell=bash
# The node: containerd with runc, kubelet and kube-proxy.

start_node() {
  start_containerd
  load_sandbox_image
  start_kubelet
  start_kube_proxy
  eventually 120 kubectl wait --for=condition=Ready "node/$NODE_NAME" --timeout=1s || give_up "kubelet does not make its node Ready"
}

start_containerd() {
  local snapshotter=overlayfs
  mkdir -p "$STATE_DIR/containerd"
  # An overlay cannot lie upon another, which is what a container's root is.
  [ "$(stat -f -c %T "$STATE_DIR")" != overlayfs ] || snapshotter=native
  write "$CONFIG_DIR/containerd.toml" <<END
version = 4
root = '$STATE_DIR/containerd'
state = '$RUN_DIR/containerd'
imports = []

[plugins.'io.containerd.cri.v1.images']
  snapshotter = '$snapshotter'
  pinned_images = { sandbox = '$(sandbox_image)' }

[plugins.'io.containerd.cri.v1.runtime']
  # A machine may have no CAP_SYS_RESOURCE to lower anybody's OOM score.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  cdi_spec_dirs = []

[plugins.'io.containerd.cri.v1.runtime'.containerd]
  default_runtime_name = 'runc'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  Root = '$RUN_DIR/runc'
  SystemdCgroup = false

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['$(cni_plugins)']
  conf_dir = '$CONFIG_DIR/cni'
  use_internal_loopback = true

[plugins.'io.containerd.internal.v1.opt']
  path = '$STATE_DIR/containerd/opt'

[plugins.'io.containerd.nri.v1.nri']
  disable = true

[plugins.'io.containerd.server.v1.grpc']
  address = '$CONTAINERD_SOCKET'

[plugins.'io.containerd.server.v1.ttrpc']
  address = '$CONTAINERD_SOCKET.ttrpc'

[plugins.'io.containerd.shim.v1.manager']
  socket_dir = '$RUN_DIR/s'
END
  # It looks for its shim and for runc in PATH. Shims outlive it; they start in its control group,
  # where `down` finds them.
  make_cgroups
  local path
  path=$(dirname "$(binary containerd-shim-runc-v2)"):$(dirname "$(binary runc)"):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  # shellcheck disable=SC2016 # that shell expands it
  start containerd env PATH="$path" sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$(runtime_cgroup)" \
    "$(binary containerd)" --config "$CONFIG_DIR/containerd.toml" --log-level warn
  await containerd 120 ctr version
}

# load_sandbox_image makes the image that holds a pod's namespaces out of one binary, without a builder:
# an archive as `docker save` writes it is a layer, a configuration and a list of both.
load_sandbox_image() {
  local image dir pause arch
  image=$(sandbox_image)
  ! ctr images ls -q 2>>"$LOG_DIR/ctr.log" | grep -qx "$image" || return 0
  pause=$(binary pause)
  arch=$(go env GOARCH)
  dir=$(mktemp -d "$STATE_DIR/pause.XXXXXX")
  tar -C "${pause%/*}" --mode=755 --owner=0 --group=0 --mtime=@0 -cf "$dir/layer.tar" pause
  cat >"$dir/config.json" <<END
{"architecture": "$arch", "os": "linux", "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256sum <"$dir/layer.tar" | cut -d' ' -f1)"]}}
END
  echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"$image\"], \"Layers\": [\"layer.tar\"]}]" >"$dir/manifest.json"
  tar -C "$dir" -cf - manifest.json config.json layer.tar | ctr images import - >>"$LOG_DIR/ctr.log" 2>&1
  rm -r "$dir"
}

sandbox_image() {
  local home
  home=$(dirname "$(binary pause)")
  echo "localhost/scim-operator-pause:${home##*-}"
}

start_kubelet() {
  mkdir -p "$STATE_DIR/kubelet"
  write "$CONFIG_DIR/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
port: $KUBELET_PORT
healthzPort: $KUBELET_HEALTH_PORT
tlsCertFile: $PKI_DIR/kubelet.crt
tlsPrivateKeyFile: $PKI_DIR/kubelet.key
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI_DIR/ca.crt}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
podLogsDir: $LOG_DIR/pods
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
# kube-proxy brings the one rule that is needed; chains of kubelet's own would only stay behind.
makeIPTablesUtilChains: false
# An image that was loaded from an archive cannot be fetched again.
imageGCHighThresholdPercent: 100
# The default evicts pods from a disk that is ninety percent full, as a developer's may well be.
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
END
  start kubelet "$(binary kubelet)" --config "$CONFIG_DIR/kubelet.yaml" --root-dir "$STATE_DIR/kubelet" \
    --cert-dir "$STATE_DIR/kubelet/pki" --kubeconfig "$CONFIG_DIR/kubelet.kubeconfig" \
    --hostname-override "$NODE_NAME" --node-ip "$NODE_IP"
  await kubelet 120 curl -fsS "http://127.0.0.1:$KUBELET_HEALTH_PORT/healthz"
}

start_kube_proxy() {
  write "$CONFIG_DIR/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $CONFIG_DIR/kube-proxy.kubeconfig}
hostnameOverride: $NODE_NAME
bindAddress: $NODE_IP
metricsBindAddress: $KUBE_PROXY_METRICS_ADDRESS
healthzBindAddress: $KUBE_PROXY_HEALTH_ADDRESS
# The only mode in which a NodePort answers on 127.0.0.1.
mode: iptables
clusterCIDR: $POD_CIDR
# A NodePort is for this machine, not for its network.
nodePortAddresses: [127.0.0.0/8, $NODE_IP/32]
# Zero leaves the kernel's own settings alone.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
  start kube-proxy "$(binary kube-proxy)" --config "$CONFIG_DIR/kube-proxy.yaml"
  await kube-proxy 120 curl -fsS "http://$KUBE_PROXY_HEALTH_ADDRESS/healthz"
}

# stop_pods ends what runs on the node, as gently as the node still can. Nothing starts pods again:
# the controllers are stopped.
stop_pods() {
  if running kube-apiserver && running etcd && running kubelet && running containerd; then
    kubectl delete pods --all --all-namespaces --timeout=45s >>"$LOG_DIR/kubelet.log" 2>&1 ||
      say "some pods did not end in time and are killed"
  fi
  stop kubelet
  stop kube-proxy
  stop containerd
}
