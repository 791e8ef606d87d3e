// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestParseBulk(t *testing.T) {
	b, err := ParseBulk([]byte(`{
		"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
		"failOnErrors":2,
		"unknown":{"a":[1]},
		"Operations":[
			{"method":"POST","path":"/Users","bulkId":"qwerty","data":{"userName":"Alice"}},
			{"Method":"PATCH","PATH":"/Groups/bulkId:g","version":"W/\"1\"","data":{"Operations":[
				{"op":"remove","path":"members[value eq \"bulkId:qwerty\"]"},{"op":"add","path":"displayName","value":"say \"bulkId:nobody\""}]}},
			{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"G","members":[{"value":"bulkId:qwerty"},{"value":"bulkId:lost"},{"value":"bulkId:qwerty"}]}},
			{"method":"DELETE","path":"/Users/x","data":null}
		]}`), 4)
	if err != nil {
		t.Fatal(err)
	}
	if b.FailOnErrors != 2 || len(b.Operations) != 4 {
		t.Fatalf("%+v", b)
	}
	for i, want := range [][]string{nil, {"g", "qwerty"}, {"qwerty", "lost"}, nil} {
		if !slices.Equal(b.Operations[i].References, want) {
			t.Errorf("operation %d refers to %q, want %q", i, b.Operations[i].References, want)
		}
	}
	if o := b.Operations[1]; o.Method != http.MethodPatch || o.Path != "/Groups/bulkId:g" || o.Version != `W/"1"` {
		t.Errorf("%+v", o)
	}
	if b.Operations[3].Data != nil {
		t.Error("null is data")
	}
	path, data := b.Operations[1].Resolve(func(id string) (string, bool) { return "id-of-" + id, id != "nobody" })
	if path != "/Groups/id-of-g" || !strings.Contains(string(data), `members[value eq \"id-of-qwerty\"]`) ||
		!strings.Contains(string(data), `say \"bulkId:nobody\"`) {
		t.Errorf("%s %s", path, data)
	}
}

func TestParseBulkErrors(t *testing.T) {
	for _, test := range []struct {
		name, body string
		status     int
		scimType   string
		want       string
	}{
		{"not an object", `[]`, 400, "invalidSyntax", "JSON object"},
		{"no JSON", `{"Operations":[{]}`, 400, "invalidSyntax", "byte"},
		{"nothing to do", `{}`, 400, "invalidSyntax", "Operations"},
		{"operations that are no list", `{"Operations":{}}`, 400, "invalidSyntax", "array"},
		{"an operation that is no object", `{"Operations":[1]}`, 400, "invalidSyntax", "operation 1"},
		{"a method that is no string", `{"Operations":[{"method":1}]}`, 400, "invalidSyntax", "method"},
		{"a long bulkId", `{"Operations":[{"bulkId":"` + strings.Repeat("x", 1025) + `"}]}`, 400, "invalidValue", "bulkId"},
		{"one bulkId twice", `{"Operations":[{"bulkId":"x"},{"bulkId":"x"}]}`, 400, "invalidValue", "operation 2"},
		{"failOnErrors of nothing", `{"failOnErrors":0,"Operations":[]}`, 400, "invalidValue", "failOnErrors"},
		{"failOnErrors as a string", `{"failOnErrors":"1","Operations":[]}`, 400, "invalidValue", "failOnErrors"},
		{"half an error", `{"failOnErrors":0.5,"Operations":[]}`, 400, "invalidValue", "failOnErrors"},
		{"too many operations", `{"Operations":[{},{},{}]}`, 413, "", "maxOperations (2)"},
		{"too deep", `{"Operations":[{"data":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + `}]}`, 400, "invalidSyntax", "nested"},
		{"something behind it", `{"Operations":[]}{}`, 400, "invalidSyntax", "end here"},
	} {
		_, err := ParseBulk([]byte(test.body), 2)
		var e *Error
		if !errors.As(err, &e) || e.Status != test.status || e.ScimType != test.scimType || !strings.Contains(e.Detail, test.want) {
			t.Errorf("%s: error is %v, want %d %s %q", test.name, err, test.status, test.scimType, test.want)
		}
	}
	deep := `{"Operations":[{"data":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}]}`
	if _, err := ParseBulk([]byte(deep), 2); err != nil {
		t.Errorf("what is allowed in a request of its own is not in Bulk: %v", err)
	}
	if b, err := ParseBulk([]byte(`{"failOnErrors":null,"Operations":[]}`), 2); err != nil || b.FailOnErrors != 0 {
		t.Errorf("without operations: %v", err)
	}
}

func TestResolveLeavesOutWhatIsNotKnown(t *testing.T) {
	known := func(id string) (string, bool) { return "K", id == "k" }
	for _, test := range []struct{ name, data, want string }{
		{"members", `{"members":[{"value":"bulkId:x"},{"value":"bulkId:k"},{"value":"other"}, {"type":"User","value":"bulkId:y"}]}`,
			`{"members":[{"value":"K"},{"value":"other"}]}`},
		{"members as strings", `{"members":["bulkId:x","bulkId:k"]}`, `{"members":["K"]}`},
		{"the manager", `{"a":1,"urn:x":{"manager":{"value":"bulkId:x","displayName":"X"},"department":"IT"}}`, `{"a":1,"urn:x":{"department":"IT"}}`},
		{"the manager as a string", `{"urn:x":{"manager":"bulkId:x"},"b":true}`, `{"urn:x":{},"b":true}`},
		{"the URI alone", `{"manager":{"value":"k","$ref":"bulkId:x"}}`, `{"manager":{"value":"k"}}`},
		{"the first attribute", `{"manager":"bulkId:x","title":"T","number":-1.5e3,"nothing":null}`, `{"title":"T","number":-1.5e3,"nothing":null}`},
		{"escapes", `{"title":"\"\u00e9\n","members":[{"value":"bulkId:\u006b"}]}`, `{"title":"\"é\n","members":[{"value":"K"}]}`},
	} {
		o := BulkOperation{Data: []byte(test.data), References: []string{"any"}}
		if _, got := o.Resolve(known); string(got) != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
