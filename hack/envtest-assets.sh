#!/usr/bin/env bash
# Prints a directory with the etcd, kube-apiserver and kubectl that envtest starts:
#
#   KUBEBUILDER_ASSETS="$(hack/envtest-assets.sh)" go test ./...
#
# KUBEBUILDER_ASSETS wins when it is set. Otherwise setup-envtest fetches them, which takes seconds,
# or, without a connection, they are built from Go modules, which takes minutes, once.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build=$HACK_DIR/build.sh
assets=(etcd kube-apiserver kubectl)
version=$(version_of "$HACK_DIR/cluster/kubernetes" k8s.io/kubernetes)
linked=$CACHE_DIR/envtest-$version

all_built() {
  local asset
  for asset in "${assets[@]}"; do [ -x "$("$build" --path "$asset")" ] || return 1; done
}

# fetch prints where setup-envtest has put them, now or before. It has no deadline of its own.
fetch() {
  "$build" setup-envtest
  local tool minor=${version#v}
  tool=$("$build" --path setup-envtest)
  minor=${minor%.*}.x
  local options=(--bin-dir "$CACHE_DIR/setup-envtest" --print path)
  "$tool" use "$minor" --installed-only "${options[@]}" 2>/dev/null && return
  within 10 "$tool" list "$minor" >/dev/null 2>&1 && within 300 "$tool" use "$minor" "${options[@]}"
}

if [ -n "${KUBEBUILDER_ASSETS-}" ]; then
  echo "$KUBEBUILDER_ASSETS"
  exit
fi
if ! all_built && fetch; then exit; fi
"$build" "${assets[@]}"
# envtest looks for all three in one directory.
mkdir -p "$linked"
for asset in "${assets[@]}"; do
  ln -sfn "$("$build" --path "$asset")" "$linked/$asset"
done
echo "$linked"
