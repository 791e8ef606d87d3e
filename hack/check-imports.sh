#!/usr/bin/env bash
# Fails when a package imports a room of the project that docs/design.md does not let it import.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

# room: the rooms of this project that it may import, without tests.
declare -A may=(
  [api]=""
  [config]=""
  [internal/scim]=""
  [internal/token]="api"
  [internal/guard]=""
  [internal/scrape]=""
  [internal/oauth]="internal/guard"
  [internal/saml]="internal/guard api"
  [internal/oidc]="internal/oauth" # internal/oauth: which keys can verify tokens
  [internal/identity]="internal/scim api" # internal/scim: how strings are folded
  [internal/idp]="api"
  [internal/render]="api"
  [internal/store]="internal/scim api"
  [internal/replica]="internal/store internal/token api"
  [internal/server]="internal/scim internal/store internal/token"
  [internal/plugin]="internal/idp api"
  [controllers]="internal/render internal/identity internal/idp internal/token internal/saml internal/oidc internal/oauth api config test" # test: controllers/internal/testenv
  [internal/cmd]="controllers internal/guard internal/oauth internal/scrape internal/replica internal/scim internal/server internal/store internal/token internal/saml internal/render internal/identity internal/plugin api"
)

module=$(go list -m)
# First, so that an error of go list is an error of this script.
packages=$(go list -f '{{.ImportPath}} {{join .Imports " "}}' ./... "$module/api/...")
failed=0
room_of() {
  local path=${1#"$module"/} room
  case $path in internal/*) room=$(cut -d/ -f1,2 <<<"$path") ;; *) room=${path%%/*} ;; esac
  echo "$room"
}
while read -r package imports; do
  [ "$package" = "$module" ] && continue
  room=$(room_of "$package")
  [ "$room" = test ] && continue
  if [ -z "${may[$room]+known}" ]; then
    echo "$package: the room '$room' is not in hack/check-imports.sh"
    failed=1
    continue
  fi
  for import in $imports; do
    case $import in "$module"/*) ;; *) continue ;; esac
    target=$(room_of "$import")
    [ "$target" = "$room" ] && continue
    case " ${may[$room]} " in
      *" $target "*) ;;
      *) echo "$package imports $import: $room may import only: ${may[$room]:-nothing of this project}"; failed=1 ;;
    esac
  done
done <<<"$packages"
exit $failed
