// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/json"
	"slices"
	"testing"
)

func FuzzBulk(f *testing.F) {
	for _, seed := range []string{
		`{"Operations":[]}`,
		`{"failOnErrors":1,"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"ann"}},` +
			`{"method":"PATCH","path":"/Groups/bulkId:g","data":{"Operations":[{"op":"add","path":"members[value eq \"bulkId:a\"]"}]}}]}`,
		`{"Operations":[{"method":"DELETE","path":"/Users/1","version":"W/\"1\""},{"data":"bulkId:x"},{"data":{"value":["bulkId:\u0078"]}}]}`,
	} {
		f.Add([]byte(seed))
	}
	const maximum = 50
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := ParseBulk(body, maximum)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !json.Valid(body) || len(request.Operations) > maximum || request.FailOnErrors < 0 {
			t.Fatalf("accepted %s", body)
		}
		taken := map[string]bool{}
		for i := range request.Operations {
			o := &request.Operations[i]
			if o.BulkID != "" && taken[o.BulkID] {
				t.Fatalf("the bulkId %q is there twice", o.BulkID)
			}
			taken[o.BulkID] = true
			checkReferences(t, o)
		}
	})
}

// checkReferences resolves an operation's references, all of them and none.
func checkReferences(t *testing.T, o *BulkOperation) {
	t.Helper()
	if o.Data != nil && !json.Valid(o.Data) {
		t.Fatalf("the data is %s", o.Data)
	}
	if sorted := slices.Sorted(slices.Values(o.References)); len(slices.Compact(sorted)) != len(o.References) {
		t.Fatalf("references are there twice: %q", o.References)
	}
	const id = "2819c223-7f76-453a-919d-413861904646"
	asked := map[string]bool{}
	path, data := o.Resolve(func(bulkID string) (string, bool) {
		asked[bulkID] = true
		return id, slices.Contains(o.References, bulkID)
	})
	for _, reference := range o.References {
		if !asked[reference] {
			t.Fatalf("nobody asks for %q of %s", reference, o.Data)
		}
	}
	if limit := len(id) * (len(o.Path) + len(o.Data) + 1); len(path)+len(data) > limit {
		t.Fatalf("%d bytes become %d", len(o.Path)+len(o.Data), len(path)+len(data))
	}
	if o.Data != nil && len(data) > 0 && !json.Valid(data) {
		t.Fatalf("%s becomes %s", o.Data, data)
	}
	resolved := BulkOperation{Path: path, Data: data}
	for _, left := range resolved.findReferences(map[string]bool{}) {
		if slices.Contains(o.References, left) {
			t.Fatalf("%q is still in %s %s", left, path, data)
		}
	}
	_, data = o.Resolve(func(string) (string, bool) { return "", false })
	if len(data) > 0 && !json.Valid(data) {
		t.Fatalf("%s becomes %s", o.Data, data)
	}
	if len(o.References) == 0 && path != o.Path {
		t.Fatalf("%q becomes %q", o.Path, path)
	}
}
