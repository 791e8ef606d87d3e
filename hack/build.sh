#!/usr/bin/env bash
# Builds the binaries that the local cluster and the developer tools need, from Go modules alone.
#
#   hack/build.sh COMPONENT...     build what is missing; one progress line each
#   hack/build.sh --path COMPONENT print where a component's binary is (or will be)
#   hack/build.sh --list           print every component's name
#
# Binaries land in ${SCIM_OPERATOR_CACHE:-~/.cache/scim-operator}/<name>-<version>/<name>, so that
# every clone of this repository shares them. Versions are those of the go.mod files under hack/.
# TARGET_OS=linux builds for containers where this machine runs another system.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

COMPONENTS=(
  # the local cluster
  etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl
  containerd containerd-shim-runc-v2 ctr runc pause skipper
  # tools
  controller-gen ginkgo setup-envtest govulncheck golangci-lint)

# describe COMPONENT sets dir (where its go.mod is), pkg, version, ldflags, tags, cgo and home (where it goes).
describe() {
  local minor
  ldflags="-s -w" tags="" cgo=0
  case $1 in
    etcd)
      dir=$HACK_DIR/cluster/kubernetes pkg=go.etcd.io/etcd/server/v3
      version=$(version_of "$dir" "$pkg") ;;
    kube-apiserver | kube-controller-manager | kube-scheduler | kubelet | kube-proxy | kubectl)
      dir=$HACK_DIR/cluster/kubernetes pkg=k8s.io/kubernetes/cmd/$1
      version=$(version_of "$dir" k8s.io/kubernetes)
      minor=${version#v*.} minor=${minor%%.*}
      local v
      # Without these every component says it is v0.0.0-master.
      for v in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        ldflags+=" -X $v.gitVersion=$version -X $v.gitMajor=1 -X $v.gitMinor=$minor"
      done ;;
    containerd | containerd-shim-runc-v2 | ctr)
      dir=$HACK_DIR/cluster/containerd pkg=github.com/containerd/containerd/v2/cmd/$1
      version=$(version_of "$dir" github.com/containerd/containerd/v2)
      ldflags+=" -X github.com/containerd/containerd/v2/version.Version=$version"
      tags="no_btrfs no_devmapper no_zfs" ;;
    runc)
      # Only runc needs cgo: its first code runs before the Go runtime, and libseccomp is C.
      dir=$HACK_DIR/cluster/runc pkg=github.com/opencontainers/runc
      version=$(version_of "$dir" "$pkg") tags=seccomp cgo=1 ;;
    skipper)
      dir=$HACK_DIR/cluster/skipper pkg=github.com/zalando/skipper/cmd/skipper
      version=$(version_of "$dir" github.com/zalando/skipper) ;;
    pause)
      dir=$HACK_DIR/cluster/pause pkg=.
      version=$(cksum <"$dir/main.go") version=${version%% *} ;;
    controller-gen)
      dir=$HACK_DIR/tools pkg=sigs.k8s.io/controller-tools/cmd/controller-gen
      version=$(version_of "$dir" sigs.k8s.io/controller-tools) ;;
    ginkgo)
      dir=$HACK_DIR/tools pkg=github.com/onsi/ginkgo/v2/ginkgo
      version=$(version_of "$dir" github.com/onsi/ginkgo/v2) ;;
    setup-envtest)
      dir=$HACK_DIR/tools pkg=sigs.k8s.io/controller-runtime/tools/setup-envtest
      version=$(version_of "$dir" "$pkg") ;;
    govulncheck)
      dir=$HACK_DIR/tools pkg=golang.org/x/vuln/cmd/govulncheck
      version=$(version_of "$dir" golang.org/x/vuln) ;;
    golangci-lint)
      dir=$HACK_DIR/tools/golangci-lint pkg=.
      version=$(version_of "$dir" github.com/golangci/golangci-lint/v2)
      ldflags+=" -X main.version=$version"
      # The linter is compiled in, so its version is part of the binary's.
      version+=-kal-$(version_of "$dir" sigs.k8s.io/kube-api-linter) ;;
    *) die "unknown component '$1'; known are: ${COMPONENTS[*]}" ;;
  esac
  [ -n "$version" ] || die "$dir/go.mod does not say the version of $1"
  home=$CACHE_DIR/$1-$version$suffix
}

missing() {
  local component
  for component; do
    describe "$component"
    [ -x "$home/$component" ] || echo "$component"
  done
}

build() {
  describe "$1"
  local started=$SECONDS
  say "building $1 $version ($2) ..."
  mkdir -p "$home"
  # Another clone may be at it: waiting for it costs less than building it twice.
  if command -v flock >/dev/null; then
    exec 9>"$home/.lock"
    flock 9
  fi
  if [ -x "$home/$1" ]; then
    say "built $1 $version elsewhere meanwhile"
    return
  fi
  # Renamed when it is whole, so that nobody ever starts half a binary.
  CGO_ENABLED=$cgo go build -C "$dir" -mod=readonly -buildvcs=false -trimpath \
    -tags "$tags" -ldflags "$ldflags" -o "$home/.$1.$$" "$pkg"
  # Some go into images, to be run there by somebody else, whatever this user's umask.
  chmod 755 "$home/.$1.$$"
  mv -f "$home/.$1.$$" "$home/$1"
  say "built $1 $version in $((SECONDS - started)) s"
}

command -v go >/dev/null || die "go is not installed: https://go.dev/doc/install"
# These run here, whatever is being built for another machine, unless the target is named.
unset GOOS GOARCH
export GOWORK=off
suffix=""
if [ -n "${TARGET_OS-}" ] && [ "$TARGET_OS" != "$(go env GOHOSTOS)" ]; then
  export GOOS=$TARGET_OS
  suffix=-$TARGET_OS
fi

case ${1-} in
  "") usage ;;
  --list) printf '%s\n' "${COMPONENTS[@]}" ;;
  --path)
    describe "${2:?component}"
    echo "$home/$2" ;;
  *)
    list=$(missing "$@")
    [ -n "$list" ] || exit 0
    components=()
    while read -r component; do components+=("$component"); done <<<"$list"
    [ ${#components[@]} -lt 5 ] || say "${#components[@]} binaries are missing; the first time this takes about a quarter of an hour"
    for i in "${!components[@]}"; do
      build "${components[i]}" "$((i + 1)) of ${#components[@]}"
    done ;;
esac
