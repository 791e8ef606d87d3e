# shellcheck shell=bash
# What the machine must have before a cluster can start.

check_machine() {
  [ "$(uname -s)" = Linux ] || die "a local cluster needs Linux; use CLUSTER=current or CLUSTER=kind here"
  [ "$(id -u)" = 0 ] || die "a local cluster needs root, to make containers and networks: try sudo env PATH=\"\$PATH\" make ..."
  [ ! -f /sys/fs/cgroup/cgroup.controllers ] || [ -w /sys/fs/cgroup ] ||
    die "the control groups cannot be written here, as in a container without --privileged; use CLUSTER=current"
}

check_packages() {
  ensure_packages <<'END'
iptables iptables
ip iproute2
openssl openssl
curl curl
flock util-linux
sysctl procps
pkg-config pkg-config
gcc gcc
/usr/include/stdlib.h libc6-dev
/usr/include/seccomp.h libseccomp-dev
/usr/lib/cni/bridge|/opt/cni/bin/bridge|/usr/libexec/cni/bridge containernetworking-plugins
END
}

# cni_plugins prints the directory with the network plugins; distributions disagree about it.
cni_plugins() {
  local dir
  for dir in /usr/lib/cni /opt/cni/bin /usr/libexec/cni; do
    if [ -x "$dir/bridge" ] && [ -x "$dir/host-local" ]; then
      echo "$dir"
      return
    fi
  done
}
