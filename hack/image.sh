#!/usr/bin/env bash
# Builds the operator's container image and gives it to a cluster.
#
#   image.sh build [ARCHIVE] [BUILD_OPTION...]  build from the Dockerfile into a docker archive
#   image.sh load [ARCHIVE]                     load the archive into the cluster, or push it to where it pulls from
#
# ARCHIVE is bin/image.tar unless told. From the environment:
#   IMAGE           its name (localhost/scim-operator:dev)
#   CONTAINER_TOOL  docker, podman or buildah (the first of them that works)
#   CONTEXT         the directory that it is built from (the repository)
#   CLUSTER         local, kind or current: where `load` takes it (local)
#   KIND_CLUSTER    the name of the kind cluster (kind)
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image=${IMAGE:-localhost/scim-operator:dev}
archive=${2:-$REPO_DIR/bin/image.tar}
context=${CONTEXT:-$REPO_DIR}

# find_tool prints the first tool that works: a docker client may be there without an engine.
find_tool() {
  if within 10 docker info >/dev/null 2>&1; then
    echo docker
  elif within 10 podman info >/dev/null 2>&1; then
    echo podman
  else
    command -v buildah >/dev/null || say "no docker and no podman works here; buildah needs neither an engine nor privileges"
    ensure_packages <<<"buildah buildah"
    echo buildah
  fi
}

build() {
  local tool
  tool=${CONTAINER_TOOL:-$(find_tool)}
  say "building $image with $tool"
  mkdir -p "$(dirname "$archive")"
  # docker and podman refuse to write over an archive in different ways.
  rm -f "$archive"
  case ${tool##*/} in
    docker)
      "$tool" build --tag "$image" "$@" "$context"
      "$tool" save --output "$archive" "$image" ;;
    podman)
      "$tool" build --tag "$image" "$@" "$context"
      "$tool" save --format docker-archive --output "$archive" "$image" ;;
    buildah)
      use_buildah "$tool"
      "${buildah[@]}" build --isolation chroot --tag "$image" "$@" "$context"
      "${buildah[@]}" push "$image" "docker-archive:$archive:$image" ;;
    *) unknown_tool "$tool" ;;
  esac >&2
  say "wrote $archive"
}

# use_buildah sets what works where there is neither an engine nor a privilege to mount: each step in a chroot,
# each layer a plain directory, in a storage of its own that conflicts with nobody's.
use_buildah() {
  local storage
  storage=$(mktemp -d)
  # shellcheck disable=SC2064 # expanded now: storage is local
  trap "rm -rf '$storage'" EXIT
  buildah=("$1" --root "$storage/root" --runroot "$storage/run" --storage-driver vfs)
}

load() {
  [ -f "$archive" ] || die "there is no $archive: make image"
  case ${CLUSTER:-local} in
    local) "$HACK_DIR/cluster/cluster.sh" load "$archive" ;;
    kind) load_into_kind "${KIND_CLUSTER:-kind}" ;;
    current) load_into_current ;;
    *) die "CLUSTER is '$CLUSTER'; it can be local, kind or current" ;;
  esac
}

load_into_kind() { kind load image-archive "$archive" --name "$1"; }

load_into_current() {
  local context
  context=$(kubectl config current-context)
  case $context in
    kind-*) load_into_kind "${context#kind-}" ;;
    minikube) minikube image load "$archive" ;;
    *) push ;;
  esac
}

push() {
  case $image in
    localhost/*) die "no node of this cluster can pull $image: set IMAGE to a name in a registry that you can push to" ;;
  esac
  local tool
  tool=${CONTAINER_TOOL:-$(find_tool)}
  say "pushing $image with $tool"
  case ${tool##*/} in
    docker | podman)
      "$tool" load --input "$archive"
      "$tool" push "$image" ;;
    buildah)
      use_buildah "$tool"
      "${buildah[@]}" pull "docker-archive:$archive"
      "${buildah[@]}" push "$image" ;;
    *) unknown_tool "$tool" ;;
  esac >&2
}

unknown_tool() { die "CONTAINER_TOOL is '$1'; it can be docker, podman or buildah"; }

case ${1-} in
  build)
    shift $(($# > 1 ? 2 : 1))
    build "$@" ;;
  load) load ;;
  *)
    usage
    [ "${1-help}" = help ] ;;
esac
