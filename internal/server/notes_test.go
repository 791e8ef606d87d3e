// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// notebook keeps what was taken down.
type notebook struct {
	mu    sync.Mutex
	notes []string
}

func (n *notebook) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, text)
}

func (n *notebook) Refused(id string, _ int64, status int, scimType, message string) {
	n.add(id + " " + strconv.Itoa(status) + " " + scimType + " " + message)
}

func (n *notebook) Ignored(id string, generation int64, message string) {
	n.add(fmt.Sprintf("%s ignored as of %d: %s", id, generation, message))
}

func (n *notebook) Accepted(id string) { n.add(id + " accepted") }

func TestRefusalsAreTakenDownOnTheUser(t *testing.T) {
	const (
		nobody = "00000000-0000-4000-8000-000000000000"
		patch  = `{"Operations":[{"op":"replace","path":"active","value":"perhaps"}]}`
		bulk   = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"PATCH","path":"/Users/%[1]s","data":` + patch + `}]}`
	)
	for _, row := range []struct {
		name, method, path, body string
		want                     []string
	}{
		{"a value that is not valid", "PATCH", "/Users/%[1]s", patch, []string{"%[1]s 400 invalidValue PATCH was refused with 400: "}},
		{"a document that is not one", "PUT", "/Users/%[1]s", `{`, []string{"%[1]s 400 invalidSyntax PUT was refused with 400: "}},
		{"a name that somebody else has", "PUT", "/Users/%[1]s", `{"userName":"bob"}`, []string{"%[1]s 409 uniqueness PUT was refused with 409: another User has this userName"}},
		{"a version that is no longer", "PUT", "/Users/%[1]s", `{"userName":"ada"}`, []string{"%[1]s 412  PUT was refused with 412: "}},
		{"an operation of Bulk", "POST", "/Bulk", bulk, []string{"%[1]s 400 invalidValue PATCH was refused with 400: "}},
		{"who has the name of one who is to be created", "POST", "/Users", `{"userName":"ADA"}`, []string{"%[1]s 409 uniqueness POST of another user was refused with 409: another User has this userName"}},
		{"one who is to be created and cannot", "POST", "/Users", `{}`, nil},
		{"nobody", "PATCH", "/Users/" + nobody, patch, nil},
		{"a group", "PATCH", "/Groups/%[2]s", patch, nil},
		{"a change that is accepted, where nothing was noted", "PUT", "/Users/%[1]s", `{"userName":"ada","title":"x"}`, nil},
		{"a read", "GET", "/Users/%[1]s?attributes=", "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			notes := &notebook{}
			e := serve(t, func(c *Config) { c.Notes = notes })
			ids := []any{e.create("/Users", `{"userName":"ada"}`), e.create("/Groups", `{"displayName":"crew"}`)}
			e.create("/Users", `{"userName":"bob"}`)
			fill := func(text string) string { return strings.Split(fmt.Sprintf(text+"\x00%[1]s%[2]s", ids...), "\x00")[0] }
			headers := []string{"If-Match", `W/"9"`}
			if !strings.Contains(row.name, "version") {
				headers = nil
			}
			e.do(row.method, fill(row.path), fill(row.body), headers...)
			e.stop()
			if err := <-e.stopped; err != nil {
				t.Fatal(err)
			}
			e.stopped <- nil
			if !slices.EqualFunc(notes.notes, row.want, func(got, want string) bool { return strings.HasPrefix(got, fill(want)) }) {
				t.Errorf("%q, want %q", notes.notes, row.want)
			}
		})
	}
}

// TestUnknownAttributesArePassedOver: the rest of the request is applied, and what was passed
// over is named in the audit log and on the user, without any value.
func TestUnknownAttributesArePassedOver(t *testing.T) {
	const patch = `{"Operations":[
		{"op":"Add","path":"urn:example:acme:2.0:User:badge","value":"secret"},
		{"op":"Replace","path":"shoes[type eq \"secret\"].value","value":"secret"},
		{"op":"Replace","path":"active","value":"False"}]}`
	for _, row := range []struct {
		name, body string
		ignore     bool
		status     int
		note       string
		changed    []any
	}{
		{"passed over", patch, true, 200, "%s ignored as of 2: PATCH was applied without urn:example:acme:2.0:User:badge, shoes: no schema of the endpoint has that", []any{"active"}},
		{"nothing else", `{"Operations":[{"op":"add","path":"urn:example:acme:2.0:User:badge","value":1},{"op":"remove","path":"shoes"}]}`, true, 200,
			"%s ignored as of 1: PATCH was applied without urn:example:acme:2.0:User:badge, shoes: no schema of the endpoint has that", nil},
		{"refused", patch, false, 400, "%s 400 invalidPath PATCH was refused with 400: ", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			notes := &notebook{}
			e := serve(t, func(c *Config) { c.Notes, c.IgnoreUnknownAttributes = notes, row.ignore })
			id := e.create("/Users", `{"userName":"ada"}`)
			a := e.do("PATCH", "/Users/"+id, row.body)
			if a.status != row.status {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			line := e.auditLines(2)[1]
			if row.ignore {
				if got := fmt.Sprint(line["ignoredAttributes"]); got != "[urn:example:acme:2.0:User:badge shoes]" {
					t.Errorf("the audit log names %s", got)
				}
			}
			if changed, _ := line["attributes"].([]any); !slices.Equal(changed, row.changed) {
				t.Errorf("changed is %v", changed)
			}
			e.eventually("it has been noted", func() bool {
				notes.mu.Lock()
				defer notes.mu.Unlock()
				return len(notes.notes) == 1 && strings.HasPrefix(notes.notes[0], fmt.Sprintf(row.note, id))
			})
			if strings.Contains(e.audited.String()+strings.Join(notes.notes, ""), "secret") {
				t.Error("a value of the request is written down")
			}
		})
	}
}

func TestARefusalIsForgottenByTheNextChange(t *testing.T) {
	notes := &notebook{}
	e := serve(t, func(c *Config) { c.Notes = notes })
	id := e.create("/Users", `{"userName":"ada"}`)
	e.store.setRefused(id)
	e.do("GET", "/Users/"+id, "")
	for _, r := range [][]string{
		{"PUT", `{"userName":"ada","title":"x"}`}, {"PUT", `{"userName":"ada","title":"x"}`}, {"DELETE", ""},
	} {
		if a := e.do(r[0], "/Users/"+id, r[1]); a.status >= 300 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	e.eventually("all has been noted", func() bool {
		notes.mu.Lock()
		defer notes.mu.Unlock()
		return slices.Equal(notes.notes, []string{id + " accepted", id + " accepted", id + " accepted"})
	})
}
