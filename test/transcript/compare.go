// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	mediaType   = "application/scim+json"
	errorSchema = "urn:ietf:params:scim:api:messages:2.0:Error"
	anything    = "*"
)

// ordered are the lists whose order means something.
var ordered = []string{"Resources", "Operations"}

// ErrorProblems says in what respect an answer is not a SCIM error (RFC 7644 §3.12) that
// names the request ID of its header.
func ErrorProblems(status int, header http.Header, body []byte) []string {
	var problems []string
	if got := header.Get("Content-Type"); got != mediaType {
		problems = append(problems, fmt.Sprintf("the error's Content-Type is %q", got))
	}
	requestID := header.Get("X-Request-Id")
	if requestID == "" {
		problems = append(problems, "the error has no X-Request-Id")
	}
	var e struct {
		Schemas []string `json:"schemas"`
		Status  string   `json:"status"`
		Detail  string   `json:"detail"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return append(problems, fmt.Sprintf("the error is not the JSON of a SCIM error: %v", err))
	}
	if !slices.Equal(e.Schemas, []string{errorSchema}) {
		problems = append(problems, fmt.Sprintf("the error's schemas are %q", e.Schemas))
	}
	if e.Status != strconv.Itoa(status) {
		problems = append(problems, fmt.Sprintf("the error's body says status %q", e.Status))
	}
	if !strings.Contains(e.Detail, requestID) {
		problems = append(problems, fmt.Sprintf("the detail %q does not contain the request ID %q", e.Detail, requestID))
	}
	return problems
}

// headerProblem says how a header is not what is wanted, or nothing.
func headerProblem(name, got, want string) string {
	other, negated := strings.CutPrefix(want, "not ")
	switch {
	case want == anything && got != "", negated && got != other, want == got:
		return ""
	default:
		return fmt.Sprintf("%s: %q, want %q", name, got, want)
	}
}

// differences says where got is not what is wanted.
func differences(path string, got, want any) []string {
	switch want := want.(type) {
	case map[string]any:
		return objectDifferences(path, got, want)
	case []any:
		return listDifferences(path, got, want)
	default:
		if want == anything && got != nil || got == want {
			return nil
		}
		return []string{fmt.Sprintf("%s is %v, want %v", path, show(got), show(want))}
	}
}

func objectDifferences(path string, got any, want map[string]any) []string {
	object, ok := got.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s is %v, want an object", path, show(got))}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		out = append(out, differences(path+"."+name, object[name], want[name])...)
	}
	return out
}

func listDifferences(path string, got any, want []any) []string {
	list, ok := got.([]any)
	if !ok || len(list) != len(want) {
		return []string{fmt.Sprintf("%s is %v, want %d values", path, show(got), len(want))}
	}
	if slices.Contains(ordered, path[strings.LastIndexByte(path, '.')+1:]) || len(want) == 1 {
		var out []string
		for i := range want {
			out = append(out, differences(path+"["+strconv.Itoa(i)+"]", list[i], want[i])...)
		}
		return out
	}
	if !assignable(list, want) {
		return []string{fmt.Sprintf("%s is %v, want %v in any order", path, show(got), show(want))}
	}
	return nil
}

// assignable says whether each wanted value can have a value of its own.
func assignable(list, want []any) bool {
	if len(want) == 0 {
		return true
	}
	for i := range list {
		if len(differences("", list[i], want[0])) > 0 {
			continue
		}
		if assignable(slices.Concat(list[:i], list[i+1:]), want[1:]) {
			return true
		}
	}
	return false
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// lookup finds a value by the names and positions on the way to it, joined by dots.
func lookup(v any, path string) (any, error) {
	for name := range strings.SplitSeq(path, ".") {
		switch container := v.(type) {
		case map[string]any:
			v = container[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(container) {
				return nil, fmt.Errorf("there is no %s in the body", path)
			}
			v = container[i]
		default:
			return nil, fmt.Errorf("there is no %s in the body", path)
		}
	}
	if v == nil {
		return nil, fmt.Errorf("there is no %s in the body", path)
	}
	return v, nil
}
