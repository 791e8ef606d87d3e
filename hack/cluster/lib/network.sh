# shellcheck shell=bash
# The bridge that pods hang on, kernel settings, and how both are taken back.

# What kubelet, kube-proxy and this script may change.
SYSCTLS=(net.ipv4.ip_forward net.ipv4.conf.all.route_localnet net.bridge.bridge-nf-call-iptables
  vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes)
# A comment, so that `down` finds its rules again; network plugins write the network's name into theirs.
NETWORK=scim-operator

make_network() {
  modprobe -a overlay br_netfilter 2>/dev/null || true # they may be part of the kernel
  if [ ! -f "$RUN_DIR/sysctls" ]; then
    sysctl -e "${SYSCTLS[@]}" >"$RUN_DIR/sysctls" 2>/dev/null
    # Another kubelet's, on the same machine.
    ! iptables -w 5 -n -L KUBE-FIREWALL >/dev/null 2>&1 || touch "$RUN_DIR/keep-kube-firewall"
  fi
  # route_localnet lets a NodePort answer on 127.0.0.1.
  sysctl -eqw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1 net.bridge.bridge-nf-call-iptables=1

  ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge
  ip address replace "$NODE_IP/${POD_CIDR#*/}" dev "$BRIDGE"
  ip link set "$BRIDGE" up
  # Where Docker runs, the policy of FORWARD is DROP.
  forward_rules --check || forward_rules --append

  write "$CONFIG_DIR/cni/10-scim-operator.conflist" <<END
{
  "cniVersion": "0.4.0",
  "name": "$NETWORK",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "$BRIDGE",
      "isGateway": true,
      "ipMasq": true,
      "hairpinMode": true,
      "ipam": {
        "type": "host-local",
        "dataDir": "$RUN_DIR/ipam",
        "ranges": [[{"subnet": "$POD_CIDR", "gateway": "$NODE_IP"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
END
}

# forward_rules --check | --append | --delete
forward_rules() {
  iptables -w 5 "$1" FORWARD -i "$BRIDGE" -m comment --comment "$NETWORK" -j ACCEPT &&
    iptables -w 5 "$1" FORWARD -o "$BRIDGE" -m conntrack --ctstate RELATED,ESTABLISHED,DNAT \
      -m comment --comment "$NETWORK" -j ACCEPT
} 2>/dev/null

remove_network() {
  "$(binary kube-proxy)" --cleanup >>"$LOG_DIR/kube-proxy.log" 2>&1 || true
  [ -f "$RUN_DIR/keep-kube-firewall" ] || remove_kube_firewall || true
  while forward_rules --delete; do :; done
  remove_pod_rules || true
  remove_plugin_chains || true
  ip link delete "$BRIDGE" 2>/dev/null || true
  [ ! -f "$RUN_DIR/sysctls" ] || sysctl -eq --load "$RUN_DIR/sysctls" >/dev/null 2>&1 || true
}

# remove_kube_firewall removes what `kube-proxy --cleanup` leaves to kubelet.
remove_kube_firewall() {
  local tables
  for tables in iptables ip6tables; do
    $tables -w 5 -D INPUT -j KUBE-FIREWALL
    $tables -w 5 -D OUTPUT -j KUBE-FIREWALL
    $tables -w 5 -F KUBE-FIREWALL
    $tables -w 5 -X KUBE-FIREWALL
  done
} 2>/dev/null

# remove_pod_rules removes the chain of each pod whose network plugin never got to do it.
remove_pod_rules() {
  local rules
  rules=$(iptables-save -t nat | grep -F "name: \\\"$NETWORK\\\"" | grep -e '^-A POSTROUTING ')
  {
    echo '*nat'
    sed 's/^-A/-D/' <<<"$rules"
    sed 's/.* -j \(.*\)/-F \1\n-X \1/' <<<"$rules"
    echo COMMIT
  } | iptables-restore -w 5 --noflush
}

# remove_plugin_chains removes the chains that the portmap plugin shares among all pods, if nobody uses them.
remove_plugin_chains() {
  local parent
  iptables-save -t nat | grep -q '^-A CNI-DN-' && return
  for parent in PREROUTING OUTPUT; do
    iptables -w 5 -t nat -D $parent -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
  done
  iptables -w 5 -t nat -D POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
  for parent in CNI-HOSTPORT-DNAT CNI-HOSTPORT-SETMARK CNI-HOSTPORT-MASQ; do
    iptables -w 5 -t nat -F $parent
    iptables -w 5 -t nat -X $parent
  done
} >/dev/null 2>&1
