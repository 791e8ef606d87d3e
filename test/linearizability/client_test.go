// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// request is an input as it goes over the wire.
type request struct {
	method, path, ifMatch string
	body                  any
}

// object is JSON.
type object = map[string]any

// wire is the request of a SCIM client for an input. version is the ETag of what it expects.
func (in *input) wire(version string, pool pool) request {
	one := "/" + string(in.kind) + "/" + in.id
	switch in.action {
	case create:
		return request{method: "POST", path: in.query("/"+string(in.kind), nil), body: in.whole(pool)}
	case replace:
		return request{method: "PUT", path: in.query(one, nil), body: in.whole(pool), ifMatch: version}
	case change:
		return request{method: "PATCH", path: in.query(one, nil), body: in.patch(pool), ifMatch: version}
	case remove:
		return request{method: "DELETE", path: one}
	case get:
		return request{method: "GET", path: in.query(one, nil)}
	case memberships:
		return request{method: "GET", path: "/Users/" + pool[in.value] + "?attributes=groups"}
	case memberUsers:
		filter := url.Values{"filter": {fmt.Sprintf("groups.value eq %q", in.id)}, "attributes": {"id"}}
		return request{method: "GET", path: "/Users?" + filter.Encode()}
	}
	return request{method: "GET", path: in.query("/"+string(in.kind), in.selection(pool))}
}

// query is a path with its parameters.
func (in *input) query(path string, parameters url.Values) string {
	if in.bare {
		if parameters == nil {
			parameters = url.Values{}
		}
		parameters.Set("excludedAttributes", in.kind.values())
	}
	if len(parameters) == 0 {
		return path
	}
	return path + "?" + parameters.Encode()
}

// selection is the query of a list.
func (in *input) selection(pool pool) url.Values {
	ofScope := fmt.Sprintf("%s sw %q", in.kind.unique(), in.scope+separator)
	switch {
	case in.action == find:
		return url.Values{"filter": {fmt.Sprintf("%s eq %q", in.kind.unique(), strings.ToUpper(in.name))}}
	case in.action == having:
		return url.Values{"count": {"1000"}, "filter": {in.havingFilter(pool)}}
	case in.action == page:
		return url.Values{"count": {"2"}, "startIndex": {"2"}, "filter": {ofScope}}
	case in.everything:
		return url.Values{"count": {"1000"}}
	}
	return url.Values{"count": {"1000"}, "sortBy": {in.kind.unique()}, "filter": {ofScope}}
}

// unique is the attribute that has the name of a resource.
func (k kind) unique() string {
	switch k {
	case groups:
		return "displayName"
	case devices:
		return "serialNumber"
	}
	return "userName"
}

// spelled is the name in one case or the other: it is the same.
func (in *input) spelled() string {
	if strings.HasSuffix(in.mark, "7") {
		return strings.ToUpper(in.name)
	}
	return in.name
}

// whole is a resource as a POST or PUT has it.
func (in *input) whole(pool pool) object {
	if in.kind == users {
		return in.wholeUser()
	}
	return in.wholeItem(pool)
}

func (in *input) patch(pool pool) object {
	operations := in.userOperations
	if in.kind != users {
		operations = func() []object { return in.itemOperations(pool) }
	}
	return object{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": operations()}
}

// resource is a user, group or device as it is answered.
type resource struct {
	ID           string                   `json:"id"`
	UserName     string                   `json:"userName"`
	DisplayName  string                   `json:"displayName"`
	SerialNumber string                   `json:"serialNumber"`
	ExternalID   string                   `json:"externalId"`
	Active       bool                     `json:"active"`
	Title        string                   `json:"title"`
	NickName     string                   `json:"nickName"`
	Entitlements []struct{ Value string } `json:"entitlements"`
	Members      []struct{ Value string } `json:"members"`
	Ports        []struct{ Value int }    `json:"ports"`
	Groups       []struct{ Value, Display string }
	Meta         struct{ Version string } `json:"meta"`
}

// name is the unique name, folded.
func (r *resource) name() string {
	return strings.ToLower(r.UserName + r.DisplayName + r.SerialNumber)
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
