# shellcheck shell=bash
# The cluster's part of the control group tree.

# Its own part of the control group tree. Without it kubelet would take every pod of another
# kubelet on this machine for an orphan.
CGROUP=scim-operator-cluster

make_cgroups() {
  local controller controllers
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    read -ra controllers </sys/fs/cgroup/cgroup.controllers
    for controller in "${controllers[@]}"; do
      echo "+$controller" 2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control || true
    done
    mkdir -p "/sys/fs/cgroup/$CGROUP/runtime"
    return
  fi
  for controller in /sys/fs/cgroup/*/; do
    mkdir -p "$controller$CGROUP" 2>/dev/null || true
  done
  # A new cpuset is empty, and nothing may run in an empty one.
  local file
  for file in cpuset.cpus cpuset.mems; do
    [ ! -f "/sys/fs/cgroup/cpuset/$file" ] || cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$CGROUP/$file"
  done
  mkdir -p "$(runtime_cgroup)"
}

# runtime_cgroup prints the control group of containerd and its shims. In version 1 one controller's tree is enough.
runtime_cgroup() {
  local root=/sys/fs/cgroup
  [ ! -d $root/pids ] || root+=/pids
  echo "$root/$CGROUP/runtime"
}

# kill_cgroup ends every process that the kernel says is the cluster's: containers, and shims that lost their containerd.
kill_cgroup() {
  local root process
  root=$(dirname "$(runtime_cgroup)")
  [ -d "$root" ] || return 0
  find "$root" -name cgroup.procs -exec cat {} + | while read -r process; do
    kill -KILL "$process" 2>/dev/null || true
  done
  eventually 10 cgroup_is_empty "$root"
}

cgroup_is_empty() { [ -z "$(find "$1" -name cgroup.procs -exec cat {} +)" ]; }

remove_cgroups() {
  find /sys/fs/cgroup -depth -type d -path "*/$CGROUP*" -exec rmdir {} + 2>/dev/null || true
}
