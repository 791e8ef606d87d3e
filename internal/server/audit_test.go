// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/token"
)

// auditLines waits for so many lines and gives them, without what differs from run to run.
func (e *endpoint) auditLines(n int) []map[string]any {
	e.t.Helper()
	text := func() string { return strings.TrimSpace(e.audited.String()) }
	count := func() int { return len(slices.Collect(strings.Lines(text()))) }
	e.eventually(fmt.Sprintf("the audit log has %d lines", n), func() bool { return count() >= n })
	var lines []map[string]any
	for line := range strings.Lines(text()) {
		var v map[string]any
		if err := json.Unmarshal([]byte(strings.TrimSpace(line)), &v); err != nil {
			e.t.Fatalf("a line is no JSON: %v: %s", err, line)
		}
		lines = append(lines, v)
	}
	if len(lines) != n {
		e.t.Fatalf("%d lines, want %d:\n%s", len(lines), n, text())
	}
	return lines
}

// create makes a resource and gives its id.
func (e *endpoint) create(path, body string) string {
	e.t.Helper()
	a := e.do("POST", path, body)
	if a.status != http.StatusCreated {
		e.t.Fatalf("status %d: %s", a.status, a.body)
	}
	return a.json(e.t)["id"].(string)
}

func TestAuditLines(t *testing.T) {
	const (
		patch    = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`
		bulk     = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[%s]}`
		nobody   = "00000000-0000-4000-8000-000000000000"
		jobTitle = `{"op":"replace","path":"title","value":"Countess"}`
	)
	type fields map[string]any
	for _, row := range []struct {
		name               string
		method, path, body string // %[1]s is the id of a user ada, %[2]s that of a group crew, %[3]s that of a user eve
		headers            []string
		want               []fields
	}{
		{"a user is created", "POST", "/Users", `{"userName":"bob","title":"x","password":"p","name":{"givenName":"Bob"}}`, nil,
			[]fields{{"resourceType": "User", "outcome": "success", "status": 201.0, "attributes": "userName name.givenName title active"}}},
		{"a user is changed", "PATCH", "/Users/%[1]s", fmt.Sprintf(patch, jobTitle), nil,
			[]fields{{"resourceType": "User", "resourceID": "%[1]s", "outcome": "success", "status": 200.0, "attributes": "title"}}},
		{"a user is replaced", "PUT", "/Users/%[1]s", `{"userName":"ada","nickName":"A"}`, nil,
			[]fields{{"resourceType": "User", "resourceID": "%[1]s", "outcome": "success", "status": 200.0, "attributes": "nickName"}}},
		{"nothing is changed", "PATCH", "/Users/%[1]s", fmt.Sprintf(patch, `{"op":"replace","path":"userName","value":"ada"}`), nil, nil},
		{"a user is deleted", "DELETE", "/Users/%[1]s", "", nil,
			[]fields{{"resourceType": "User", "resourceID": "%[1]s", "outcome": "success", "status": 204.0}}},
		{"a member is added", "PATCH", "/Groups/%[2]s", fmt.Sprintf(patch, `{"op":"add","path":"members","value":[{"value":"%[1]s"}]}`), nil,
			[]fields{{"resourceType": "Group", "resourceID": "%[2]s", "outcome": "success", "status": 204.0, "attributes": "members"}}},
		{"a group is renamed", "PATCH", "/Groups/%[2]s", fmt.Sprintf(patch, `{"op":"replace","path":"displayName","value":"Staff"}`), nil,
			[]fields{{"resourceType": "Group", "resourceID": "%[2]s", "outcome": "success", "status": 204.0, "attributes": "displayName"}}},
		{"a user who was deactivated returns", "POST", "/Users", `{"userName":"eve","externalId":"7","active":true}`, nil,
			[]fields{{"resourceType": "User", "resourceID": "%[3]s", "outcome": "success", "status": 201.0, "returned": true, "attributes": "externalId userName active"}}},
		{"a name is taken", "POST", "/Users", `{"userName":"ADA"}`, nil,
			[]fields{{"resourceType": "User", "outcome": "refused", "status": 409.0, "scimType": "uniqueness"}}},
		{"a value is not valid", "PATCH", "/Users/%[1]s", fmt.Sprintf(patch, `{"op":"replace","path":"active","value":"perhaps"}`), nil,
			[]fields{{"resourceType": "User", "resourceID": "%[1]s", "outcome": "refused", "status": 400.0, "scimType": "invalidValue"}}},
		{"nobody is there", "DELETE", "/Users/" + nobody, "", nil,
			[]fields{{"resourceType": "User", "resourceID": nobody, "outcome": "refused", "status": 404.0}}},
		{"an id that somebody made up", "DELETE", "/Users/ada@acme.com", "", nil,
			[]fields{{"resourceType": "User", "outcome": "refused", "status": 404.0}}},
		{"a method that there is not", "POST", "/Schemas", `{}`, nil,
			[]fields{{"outcome": "refused", "status": 405.0}}},
		{"a token that is not valid", "GET", "/Users", "", []string{"Authorization", "Bearer x"},
			[]fields{{"msg": "authentication", "outcome": "refused", "status": 401.0, "tokenID": nil}}},
		{"a change with a token that is not valid", "POST", "/Users", `{"userName":"bob"}`, []string{"Authorization", "Bearer x"},
			[]fields{{"msg": "authentication", "outcome": "refused", "status": 401.0, "tokenID": nil}}},
		{"a list", "GET", "/Users", "", nil, nil},
		{"a search", "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`, nil, nil},
		{"operations of Bulk", "POST", "/Bulk", fmt.Sprintf(bulk, `{"method":"POST","path":"/Users","bulkId":"1","data":{"userName":"bob"}},`+
			`{"method":"PATCH","path":"/Users/%[1]s","data":{"Operations":[`+jobTitle+`]}},`+
			`{"method":"PATCH","path":"/Users/%[1]s","data":{"Operations":[`+jobTitle+`]}},`+
			`{"method":"DELETE","path":"/Groups/`+nobody+`"}`), nil,
			[]fields{
				{"operation": 1.0, "method": "POST", "resourceType": "User", "outcome": "success", "status": 201.0, "attributes": "userName active"},
				{"operation": 2.0, "method": "PATCH", "resourceType": "User", "resourceID": "%[1]s", "outcome": "success", "status": 200.0, "attributes": "title"},
				{"operation": 4.0, "method": "DELETE", "resourceType": "Group", "resourceID": nobody, "outcome": "refused", "status": 404.0},
			}},
		{"Bulk that is refused as a whole", "POST", "/Bulk", `{"Operations":"x"}`, nil,
			[]fields{{"outcome": "refused", "status": 400.0, "scimType": "invalidSyntax"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := serve(t, func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
			ids := []any{e.create("/Users", `{"userName":"ada"}`), e.create("/Groups", `{"displayName":"crew"}`),
				e.create("/Users", `{"userName":"eve","externalId":"7","active":false}`)}
			fill := func(text string) string {
				if !strings.Contains(text, "%[") {
					return text
				}
				return strings.Split(fmt.Sprintf(text+"\x00%[1]s%[2]s%[3]s", ids...), "\x00")[0]
			}
			e.do(row.method, fill(row.path), fill(row.body), append(row.headers, "X-Forwarded-For", "198.51.100.7", "X-Request-Id", "r-1")...)
			e.stop() // lines are written after the answers; none is lost when the server stops
			if err := <-e.stopped; err != nil {
				t.Fatal(err)
			}
			e.stopped <- nil
			for i, line := range e.auditLines(3 + len(row.want))[3:] {
				want := fields{"msg": "change", "requestID": "r-1", "namespace": "tenant", "endpoint": "okta", "provider": "acme",
					"client": "198.51.100.7", "method": row.method, "tokenID": token.NewDigest(testToken, e.now()).ID}
				maps.Copy(want, row.want[i])
				for key, value := range want {
					got := line[key]
					if list, ok := got.([]any); ok {
						got = strings.Trim(fmt.Sprint(list), "[]")
					}
					if text, ok := value.(string); ok {
						value = fill(text)
					}
					if got != value {
						t.Errorf("%s: %v, want %v", key, got, value)
					}
				}
				for _, key := range []string{"attributes", "scimType", "resourceID", "resourceType", "operation"} {
					if _, wanted := want[key]; line[key] != nil && !wanted && !(key == "resourceID" && row.method == "POST") {
						t.Errorf("%s: %v, want none", key, line[key])
					}
				}
				if _, ok := line["durationMs"].(float64); !ok {
					t.Errorf("durationMs: %v", line["durationMs"])
				}
			}
		})
	}
}

func TestUserNamesInTheAuditLog(t *testing.T) {
	for name, row := range map[string]struct {
		names UserNames
		key   string
		same  bool // Ada and ADA are named as one
	}{
		"omitted": {UserNamesOmitted, "", true},
		"hashed":  {UserNamesHashed, "userNameHash", true},
		"plain":   {UserNamesPlain, "userName", false},
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t)
			e.names = row.names
			id := e.create("/Users", `{"userName":"Ada"}`)
			e.do("POST", "/Users", `{"userName":"ADA"}`)
			e.do("PUT", "/Users/"+id, `{"active":true}`)
			e.do("DELETE", "/Users/"+id, "")
			lines := e.auditLines(4)
			for i, line := range lines {
				for _, key := range []string{"userName", "userNameHash"} {
					if _, there := line[key]; there != (key == row.key) {
						t.Errorf("line %d: %s is there: %v", i, key, there)
					}
				}
				if i == 1 && (line[row.key] == lines[0][row.key]) != row.same || i > 1 && line[row.key] != lines[0][row.key] {
					t.Errorf("line %d names the user %v, the first one %v", i, line[row.key], lines[0][row.key])
				}
			}
			if hash, _ := lines[0]["userNameHash"].(string); row.names == UserNamesHashed && !strings.HasPrefix(hash, "0123456789ab:") {
				t.Errorf("the hash %q does not say of which key it is", hash)
			}
		})
	}
}

// TestNoValueOfARequestIsInTheAuditLog marks everything that a client can send.
func TestNoValueOfARequestIsInTheAuditLog(t *testing.T) {
	const marker = "mArKeR"
	document := func(rt *scim.ResourceType) string {
		o := map[string]any{marker: marker, "password": marker}
		for a := range rt.Attributes() {
			if a.Type == scim.String && !a.MultiValued && a.Mutability != scim.ReadOnly {
				o[a.Name] = marker
			}
		}
		o["emails"] = []any{map[string]any{"value": marker + "@example.com", "type": marker}}
		o["name"] = map[string]any{"givenName": marker, "familyName": marker}
		o["members"] = []any{map[string]any{"value": marker, "display": marker}}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, names := range []UserNames{UserNamesOmitted, UserNamesHashed} {
		e := serve(t)
		e.names = names
		types := scim.Core()
		user := e.create("/Users", `{"userName":"ada"}`)
		requests := [][]string{
			{"POST", "/Users?attributes=" + marker, document(types.User())},
			{"POST", "/Users", document(types.User())},
			{"POST", "/Users", document(types.User())},
			{"PUT", "/Users/" + user, document(types.User())},
			{"PATCH", "/Users/" + user, `{"Operations":[{"op":"` + marker + `","path":"` + marker + `","value":"` + marker + `"}]}`},
			{"PATCH", "/Users/" + user, `{"Operations":[{"op":"replace","path":"emails[value eq \"` + marker + `\"].value","value":"` + marker + `"}]}`},
			{"POST", "/Groups", document(types.Group())},
			{"DELETE", "/Users/" + marker + "?x=" + marker, ""},
			{"DELETE", "/" + marker + "/" + marker, ""},
			{"POST", "/Bulk", `{"Operations":[{"method":"` + marker + `","path":"/` + marker + `","bulkId":"` + marker + `","version":"` + marker + `","data":` + document(types.User()) + `}]}`},
			{"PATCH", "/Users/" + user, marker},
		}
		for _, r := range requests {
			e.do(r[0], r[1], r[2], "If-None-Match", marker, "User-Agent", marker, "X-Forwarded-For", marker, "Cookie", marker)
			e.do(r[0], r[1], r[2], "Authorization", "Bearer "+marker)
		}
		e.stop()
		if err := <-e.stopped; err != nil {
			t.Fatal(err)
		}
		e.stopped <- nil
		logged := e.audited.String()
		if n := strings.Count(logged, "\n") + 1; n < 2*len(requests) {
			t.Errorf("only %d lines were written for %d requests:\n%s", n, 2*len(requests), logged)
		}
		for line := range strings.Lines(logged) {
			if strings.Contains(strings.ToLower(line), strings.ToLower(marker)) || strings.Contains(line, string(testToken)) {
				t.Errorf("a line holds what a client sent: %s", line)
			}
		}
	}
}
