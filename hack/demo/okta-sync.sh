#!/usr/bin/env bash
# Plays what Okta sends when provisioning is switched on for an application: test connection, search,
# create users, push groups with their members, deactivate one user. Reads bin/demo.env, unless SCIM_BASE_URL
# names another endpoint.
# Running it again is fine: like Okta, it searches before it creates, and sends each user and the members of each
# group whole, so that whatever was done to them is undone.
# It writes the names of the resources, as kubectl takes them, into the file that SYNCED names.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=/dev/null
[ -n "${SCIM_BASE_URL-}" ] || source "$REPO_DIR/bin/demo.env"

synced=${SYNCED:-/dev/null}
: >"$synced"
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

# provision_user GIVEN FAMILY USERNAME ACTIVE creates a user, or sends one who exists whole, as an application of
# Okta's wizard does. Okta knows who is who by the id that it was given; here, the externalId leads to a user who
# was renamed meanwhile.
provision_user() {
  local given=$1 family=$2 name=$3 active=$4 external=00u-${3%%@*} attributes
  attributes='"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName":"'"$name"'","name":{"givenName":"'"$given"'","familyName":"'"$family"'"},
    "emails":[{"primary":true,"value":"'"$name"'","type":"work"}],
    "displayName":"'"$given $family"'","locale":"en-US","externalId":"'"$external"'","groups":[]'
  find_one Users userName "$name"
  [ -n "$id" ] || find_one Users externalId "$external"
  if [ -n "$id" ]; then
    scim PUT "/Users/$id" 200 "{\"id\":\"$id\",$attributes,\"active\":$active}"
  else
    scim POST /Users 201 "{$attributes,\"password\":\"k3-Okta-sends-a-random-one\",\"active\":true}"
    id=$(first_id)
  fi
  echo "scimuser/$id" >>"$synced"
}

push_group() {
  local name=$1 member operation=replace members=""
  shift
  find_one Groups displayName "$name"
  if [ -z "$id" ]; then
    scim POST /Groups 201 '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"'"$name"'","members":[]}'
    id=$(first_id)
    operation=add
  fi
  for member; do members+=${members:+,}'{"value":"'"$member"'"}'; done
  scim PATCH "/Groups/$id" 204 '{
    "schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations":[{"op":"'"$operation"'","path":"members","value":['"$members"']}]}'
  echo "scimgroup/$id" >>"$synced"
}

say "test connection"
scim GET /ServiceProviderConfig 200
scim GET "/Users?startIndex=1&count=2" 200
scim GET "/Groups?startIndex=1&count=100" 200

say "users"
declare -A ids
while read -r given family active; do
  provision_user "$given" "$family" "${given,,}.${family,,}@acme.example" "$active"
  ids[$given]=$id
done <<'END'
Ada Lovelace true
Grace Hopper true
Alan Turing true
Barbara Liskov true
Edsger Dijkstra false
END

say "groups"
push_group "IT Support" "${ids[Ada]}" "${ids[Grace]}"
push_group "Everyone" "${ids[@]}"

say "one leaver"
scim PATCH "/Users/${ids[Edsger]}" 200 '{
  "schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
  "Operations":[{"op":"replace","value":{"active":false}}]}'
