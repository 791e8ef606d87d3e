# shellcheck shell=bash
# What every script in hack/ shares. Sourced, never run.

# Neither go nor this file works without a home, which a service or a container may not have; and the
# administrator's commands are in directories that su leaves out of PATH.
[ -n "${HOME-}" ] || HOME=$(getent passwd "$(id -u)" | cut -d: -f6) || HOME=
export HOME=${HOME:-/root} PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

HACK_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO_DIR=$(dirname "$HACK_DIR")
CACHE_DIR=${SCIM_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/scim-operator}
# containerd refuses relative paths.
case $CACHE_DIR in /*) ;; *) CACHE_DIR=$PWD/$CACHE_DIR ;; esac
export HACK_DIR REPO_DIR CACHE_DIR

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# usage prints the comment that a script begins with. Every script that sources this file answers --help with it.
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"; }
case ${1-} in -h | --help) usage; exit ;; esac

# within SECONDS COMMAND... ends it after that, where there is a command that can.
within() {
  local bound=$1
  shift
  if command -v timeout >/dev/null; then timeout "$bound" "$@"; else "$@"; fi
}

# version_of MODFILE_DIR MODULE prints the version that a go.mod pins.
version_of() {
  awk -v module="$2" '
    $1 == "require" && $2 == module { print $3; exit }
    $1 == module && $2 ~ /^v/ { print $2; exit }' "$1/go.mod"
}

# eventually SECONDS COMMAND... tries until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

# ensure_packages reads lines of what is needed and the Debian package that brings it, and installs what is
# missing, or says which command would. Needed is a command, a file (with a slash), a Python module
# (import:name), or one of several of these (a|b).
ensure_packages() {
  local needs missing log
  # Another apt-get may be at work, as on a machine that has just started.
  local install="apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300"
  needs=$(cat)
  missing=$(missing_packages <<<"$needs")
  [ -n "$missing" ] || return 0
  install+=" $missing"
  command -v apt-get >/dev/null ||
    die "missing; install what brings these on this system (Debian's names): $missing"
  [ "$(id -u)" = 0 ] || die "missing: $missing; install with: sudo apt-get update && sudo $install"
  say "installing $missing"
  log=$(mktemp)
  # The list of packages may be missing, or older than the packages; of several sources one may be away.
  if ! (export DEBIAN_FRONTEND=noninteractive; $install || { apt-get update; $install; }) </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    die "cannot install $missing; try: apt-get update && $install"
  fi
  rm -f "$log"
  missing=$(missing_packages <<<"$needs")
  [ -z "$missing" ] || die "still missing after apt-get: $missing"
}

missing_packages() {
  local any package need packages="" alternatives
  while read -r any package; do
    [ -n "$any" ] || continue
    IFS='|' read -ra alternatives <<<"$any"
    for need in "${alternatives[@]}"; do
      ! is_there "$need" || continue 2
    done
    case " $packages " in *" $package "*) ;; *) packages+=${packages:+ }$package ;; esac
  done
  echo "$packages"
}

is_there() {
  case $1 in
    import:*) python3 -c "import ${1#import:}" 2>/dev/null ;;
    */*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}
