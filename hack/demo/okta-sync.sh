#!/usr/bin/env bash
# Plays what Okta sends when provisioning is switched on for an application: test connection, search,
# create users, push groups with their members, deactivate one user. Reads bin/demo.env.
# Running it again is fine: like Okta, it searches before it creates.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=/dev/null
source "$REPO_DIR/bin/demo.env"

body=$(mktemp)
trap 'rm -f "$body"' EXIT

# scim METHOD PATH WANTED [JSON] sends one request, shows it on one line, and leaves the answer in $body.
scim() {
  local method=$1 path=$2 wanted=$3 status data=()
  [ $# -lt 4 ] || data=(--data-binary "$4" -H 'Content-Type: application/scim+json; charset=utf-8')
  # The token is read from standard input: an argument would show in the process list.
  status=$(printf 'header = "Authorization: Bearer %s"\n' "$SCIM_TOKEN" |
    curl --silent --show-error --max-time 30 --config - --cacert "$SCIM_CACERT" --resolve "$SCIM_RESOLVE" \
      -H 'Accept: application/scim+json' --globoff \
      --request "$method" --output "$body" --write-out '%{http_code}' "${data[@]}" "$SCIM_BASE_URL$path")
  printf '  %-6s %-84s %s\n' "$method" "${path//%20/ }" "$status"
  [ "$status" = "$wanted" ] || { cat "$body" >&2; die "$method $path answered $status instead of $wanted"; }
}

# first_id prints the id of the first resource in the last answer, or nothing.
first_id() { grep -o '"id":"[^"]*"' "$body" | head -n 1 | cut -d'"' -f4 || true; }

# find RESOURCE ATTRIBUTE VALUE searches as Okta does and leaves the id in $id.
find_one() {
  scim GET "/$1?filter=$2%20eq%20%22${3// /%20}%22&startIndex=1&count=100" 200
  id=$(first_id)
}

provision_user() {
  local given=$1 family=$2 name=$3
  find_one Users userName "$name"
  [ -n "$id" ] && return
  scim POST /Users 201 '{
    "schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName":"'"$name"'","name":{"givenName":"'"$given"'","familyName":"'"$family"'"},
    "emails":[{"primary":true,"value":"'"$name"'","type":"work"}],
    "displayName":"'"$given $family"'","locale":"en-US","externalId":"00u-'"${name%%@*}"'",
    "groups":[],"password":"k3-Okta-sends-a-random-one","active":true}'
  id=$(first_id)
}

push_group() {
  local name=$1 member operations=""
  shift
  find_one Groups displayName "$name"
  if [ -z "$id" ]; then
    scim POST /Groups 201 '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"'"$name"'","members":[]}'
    id=$(first_id)
  fi
  for member; do operations+=${operations:+,}'{"value":"'"$member"'"}'; done
  scim PATCH "/Groups/$id" 204 '{
    "schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations":[{"op":"add","path":"members","value":['"$operations"']}]}'
}

say "test connection"
scim GET /ServiceProviderConfig 200
scim GET "/Users?startIndex=1&count=2" 200
scim GET "/Groups?startIndex=1&count=100" 200

say "users"
declare -A ids
while read -r given family; do
  provision_user "$given" "$family" "${given,,}.${family,,}@acme.example"
  ids[$given]=$id
done <<'END'
Ada Lovelace
Grace Hopper
Alan Turing
Barbara Liskov
Edsger Dijkstra
END

say "groups"
push_group "IT Support" "${ids[Ada]}" "${ids[Grace]}"
push_group "Everyone" "${ids[@]}"

say "one leaver"
scim PATCH "/Users/${ids[Edsger]}" 200 '{
  "schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
  "Operations":[{"op":"replace","value":{"active":false}}]}'
