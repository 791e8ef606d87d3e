#!/usr/bin/env bash
# A real one-node Kubernetes cluster on this machine, from binaries built out of Go modules.
#
#   cluster.sh up            start it, or whatever of it does not run
#   cluster.sh down          stop it and remove everything that it made, its data too
#   cluster.sh status        which processes run, and the node's state
#   cluster.sh load ARCHIVE  load a container image (docker or OCI archive) into the node
#   cluster.sh kubeconfig    print the path of the administrator's kubeconfig
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
for part in settings process prerequisites certificates network control-plane cgroups node skipper ingress; do
  # shellcheck source=/dev/null
  source "$HACK_DIR/cluster/lib/$part.sh"
done

# What the cluster makes is for its pods, too; its secrets are in directories that are root's alone.
umask 022

PROCESSES=(etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy skipper)

up() {
  local started=$SECONDS
  local owner
  if others_cluster; then
    die "the cluster with its state in $owner runs on this machine, and there is room for one: SCIM_CLUSTER_DIR=$owner $0 down"
  fi
  # Processes whose data somebody has removed are of no use.
  [ -f "$ADMIN_KUBECONFIG" ] || [ ! -d "$PROCESS_DIR" ] || down
  check_packages
  mkdir -p "$LOG_DIR" "$RUN_DIR"
  chmod 700 "$STATE_DIR"
  echo "$STATE_DIR" >"$RUN_DIR/owner"
  [ -f "$STATE_DIR/made" ] || remember_foreign_directories >"$STATE_DIR/made"
  "$HACK_DIR/build.sh" "${PROCESSES[@]}" kubectl ctr runc containerd-shim-runc-v2 pause
  make_network
  make_certificates
  start_control_plane
  start_node
  start_ingress
  say "the cluster is up after $((SECONDS - started)) s: export KUBECONFIG=$ADMIN_KUBECONFIG"
}

down() {
  [ -d "$STATE_DIR" ] || [ -d "$RUN_DIR" ] || return 0
  local owner
  if others_cluster; then
    say "left alone: the cluster that runs here has its state in $owner"
    return
  fi
  mkdir -p "$LOG_DIR"
  local name mount
  for name in skipper kube-controller-manager kube-scheduler; do stop "$name"; done
  stop_pods
  kill_cgroup || say "some containers do not end"
  for name in kube-apiserver etcd; do stop "$name"; done
  remove_network
  remove_cgroups
  # The deepest first.
  awk -v a="$STATE_DIR/" -v b="$RUN_DIR/" 'index($2, a) == 1 || index($2, b) == 1 { print $2 }' /proc/self/mounts |
    sort -r | while read -r mount; do umount "$mount" || umount --lazy "$mount" || true; done
  remove_remains
  # Never into a volume that is still mounted.
  rm -rf --one-file-system "$STATE_DIR" "$RUN_DIR"
  say "the cluster is down"
}

# remember_foreign_directories prints what kubelet and the network plugins are about to make
# outside the cluster's own directories, and no option prevents.
remember_foreign_directories() {
  local dir
  for dir in /var/lib/kubelet /var/lib/cni /var/log/containers /var/log/pods /run/containerd; do
    [ -e "$dir" ] || echo "$dir"
  done
}

# remove_remains removes what they made there: what bears the network's name or points into the cluster's
# logs, and the directories that were not there before, if they are empty. By now somebody else may use them.
remove_remains() {
  [ -f "$STATE_DIR/made" ] || return 0
  local dir socket=/var/lib/kubelet/device-plugins/kubelet.sock
  rm -f "/var/lib/cni/results/$NETWORK"-*
  [ ! -d /var/log/containers ] || find /var/log/containers -type l -lname "$LOG_DIR/*" -delete
  while read -r dir; do
    # The socket of a kubelet that runs is open.
    case $socket in "$dir"/*) grep -q " $socket\$" /proc/net/unix || rm -f "$socket" ;; esac
    rmdir "$dir/device-plugins" "$dir/results" "$dir" 2>/dev/null || true
  done <"$STATE_DIR/made"
}

status() {
  local name pid ended=0
  for name in "${PROCESSES[@]}"; do
    if running "$name"; then
      printf '%-24s process %-8s %s MB\n' "$name" "$pid" "$(awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$pid/status")"
    else
      printf '%-24s does not run\n' "$name"
      ended=1
    fi
  done
  running kube-apiserver && kubectl get nodes
  return $ended
}

load() {
  [ -f "${1-}" ] || die "load needs an image archive"
  running containerd || die "the cluster does not run: $0 up"
  ctr images import "$1" 2>>"$LOG_DIR/ctr.log" || give_up "ctr cannot import $1"
}

# with_lock COMMAND: two of these at once would start everything twice.
with_lock() {
  mkdir -p "$CACHE_DIR"
  exec 9>"$CACHE_DIR/cluster.lock"
  flock --wait 1800 9 || die "another cluster.sh is still at work"
  "$@"
}

case ${1-} in
  up)
    check_machine
    with_lock up ;;
  down) with_lock down ;;
  status) status ;;
  load) load "${2-}" ;;
  kubeconfig) echo "$ADMIN_KUBECONFIG" ;;
  *)
    usage
    [ "${1-help}" = help ]
    ;;
esac
