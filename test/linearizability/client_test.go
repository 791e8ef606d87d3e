// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// request is an input as it goes over the wire.
type request struct {
	method, path, ifMatch string
	body                  any
}

// object is JSON.
type object = map[string]any

// wire says how a SCIM client asks for an input. version is the ETag of what it expects.
func (in *input) wire(version string) request {
	one := "/Users/" + in.id
	switch in.action {
	case create:
		return request{method: "POST", path: "/Users", body: in.whole()}
	case replace:
		return request{method: "PUT", path: one, body: in.whole(), ifMatch: version}
	case change:
		return request{method: "PATCH", path: one, body: in.patch(), ifMatch: version}
	case remove:
		return request{method: "DELETE", path: one}
	case find:
		return request{method: "GET", path: "/Users?filter=" + url.QueryEscape(fmt.Sprintf("userName eq %q", strings.ToUpper(in.name)))}
	case list:
		if in.everybody {
			return request{method: "GET", path: "/Users?count=1000"}
		}
		return request{method: "GET", path: "/Users?count=1000&sortBy=userName&filter=" + in.filter()}
	case page:
		return request{method: "GET", path: "/Users?count=2&startIndex=2&filter=" + in.filter()}
	}
	return request{method: "GET", path: one}
}

// filter selects the scope's users.
func (in *input) filter() string {
	return url.QueryEscape(fmt.Sprintf("userName sw %q", in.scope+separator))
}

// whole is a user as a POST or PUT has it.
func (in *input) whole() object {
	return object{
		"userName": in.spelled(), "externalId": in.person, "active": in.active == "true", "title": in.mark,
		"nickName": in.nickName(), "entitlements": []object{{"value": in.mark}},
	}
}

// spelled is the name in one case or the other: it is the same.
func (in *input) spelled() string {
	if strings.HasSuffix(in.mark, "7") {
		return strings.ToUpper(in.name)
	}
	return in.name
}

// nickName says who made a user. A PUT leaves it.
func (in *input) nickName() string {
	if in.action == replace {
		return in.creation
	}
	return in.mark
}

func (in *input) patch() object {
	operations := []object{
		{"op": "replace", "path": "title", "value": in.mark},
		{"op": "add", "path": "entitlements", "value": []object{{"value": in.mark}}},
	}
	if in.name != "" {
		operations = append(operations, object{"op": "replace", "path": "userName", "value": in.spelled()})
	}
	if in.active != "" {
		operations = append(operations, object{"op": "replace", "path": "active", "value": in.active == "true"})
	}
	return object{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": operations}
}

// resource is a user as it is answered.
type resource struct {
	ID           string                   `json:"id"`
	UserName     string                   `json:"userName"`
	ExternalID   string                   `json:"externalId"`
	Active       bool                     `json:"active"`
	Title        string                   `json:"title"`
	NickName     string                   `json:"nickName"`
	Entitlements []struct{ Value string } `json:"entitlements"`
	Meta         struct{ Version string } `json:"meta"`
}

func (r *resource) user() user {
	marks := make([]string, len(r.Entitlements))
	for i := range r.Entitlements {
		marks[i] = r.Entitlements[i].Value
	}
	slices.Sort(marks)
	return user{
		id: r.ID, name: strings.ToLower(r.UserName), person: r.ExternalID, active: fmt.Sprint(r.Active),
		creation: r.NickName, last: r.Title, marks: strings.Join(marks, " "),
	}
}

// answer is what a client got: unknown when it got nothing, or 503.
type answer struct {
	verdict   verdict
	resources []resource
	total     int
}

// send asks a replica. The error is an answer that nobody may get.
func (p *process) send(r request) (answer, error) {
	var content io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return answer{}, err
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(r.method, p.url+r.path, content)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+string(bearer))
	req.Header.Set("Content-Type", "application/scim+json")
	if r.ifMatch != "" {
		req.Header.Set("If-Match", r.ifMatch)
	}
	response, err := p.client.Do(req)
	if err != nil {
		return answer{verdict: unknown}, nil // the process died: nobody knows
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{verdict: unknown}, nil
	}
	return read(response, text)
}

// read understands an answer.
func read(response *http.Response, text []byte) (answer, error) {
	var parsed struct {
		resource
		Resources    []resource `json:"Resources"`
		TotalResults *int       `json:"totalResults"`
		ScimType     string     `json:"scimType"`
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &parsed); err != nil {
			return answer{}, fmt.Errorf("%s: %.200s: %w", response.Status, text, err)
		}
	}
	switch {
	case response.StatusCode < 300 && parsed.TotalResults != nil:
		return answer{verdict: done, resources: parsed.Resources, total: *parsed.TotalResults}, nil
	case response.StatusCode == http.StatusNoContent:
		return answer{verdict: done}, nil
	case response.StatusCode < 300:
		return answer{verdict: done, resources: []resource{parsed.resource}}, nil
	case response.StatusCode == http.StatusNotFound:
		return answer{verdict: missing}, nil
	case response.StatusCode == http.StatusConflict && parsed.ScimType == "uniqueness":
		return answer{verdict: conflict}, nil
	case response.StatusCode == http.StatusPreconditionFailed:
		return answer{verdict: mismatch}, nil
	case response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "":
		return answer{verdict: unknown}, nil
	}
	return answer{}, fmt.Errorf("%s: %.200s", response.Status, text)
}
