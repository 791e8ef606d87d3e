// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTolerances has a test for each row of the tables of docs/scim.md on what is accepted,
// and refused, beyond the letter of the RFCs: want is what is answered, or the scimType of
// the refusal.
func TestTolerances(t *testing.T) {
	const label = `"label":"x",`
	tests := []struct{ row, attributes, want string }{
		{"a boolean as a string", `"parts":[{"value":"p","primary":"TRUE"}]`, `"parts":[{"value":"p","primary":true}]`},
		{"a boolean as a number", `"parts":[{"value":"p","primary":1}]`, "invalidValue"},
		{"a boolean as another word", `"parts":[{"value":"p","primary":"yes"}]`, "invalidValue"},
		{"a number as a string", `"count":"7"`, "invalidValue"},
		{"an integer with an exponent", `"count":7e1`, `"count":70`},
		{"an integer with a fraction", `"count":7.5`, "invalidValue"},
		{"a string as a number", `"color":7`, "invalidValue"},
		{"an empty string for a boolean", `"parts":[{"value":"p","primary":""}]`, `"parts":[{"value":"p"}]`},
		{"an empty string for a number", `"count":"","weight":""`, ``},
		{"an empty string for a date", `"built":""`, ``},
		{"a blank for a number", `"count":" "`, "invalidValue"},
		{"one value where there may be many", `"parts":{"value":"p"}`, `"parts":[{"value":"p"}]`},
		{"a plain string where objects belong", `"parts":"p"`, `"parts":[{"value":"p"}]`},
		{"plain strings where objects belong", `"parts":["p","q"]`, `"parts":[{"value":"p"},{"value":"q"}]`},
		{"a plain string for an object without a value", `"size":"p"`, "invalidValue"},
		{"a list of one where there is one value", `"count":[7]`, `"count":7`},
		{"a list of several where there is one value", `"count":[7,8]`, "invalidValue"},
		{"an object as JSON in a string", `"parts":"[{\"value\":\"p\"}]"`, `"parts":[{"value":"p"}]`},
		{"JSON that is cut off", `"parts":"[{\"value\":\"p"`, "invalidValue"},
		{"a canonical value in another case", `"color":"RED"`, `"color":"red"`},
		{"a value that is not canonical", `"color":"blue"`, "invalidValue"},
		{"a date in small letters", `"built":"2008-01-23t04:56:22z"`, `"built":"2008-01-23T04:56:22Z"`},
		{"a date without a time zone", `"built":"2008-01-23T04:56:22"`, `"built":"2008-01-23T04:56:22Z"`},
		{"a date in another time zone", `"built":"2008-01-23T04:56:22+02:00"`, `"built":"2008-01-23T02:56:22Z"`},
		{"a date with zeros at the end", `"built":"2008-01-23T04:56:22.500000Z"`, `"built":"2008-01-23T04:56:22.5Z"`},
		{"a date at 24:00", `"built":"2007-12-31T24:00:00Z"`, `"built":"2008-01-01T00:00:00Z"`},
		{"a date in a leap second", `"built":"2016-12-31T23:59:60Z"`, `"built":"2017-01-01T00:00:00Z"`},
		{"a date that no four digits write in UTC", `"built":"9999-12-31T23:00:00-10:00"`, `"built":"9999-12-31T23:00:00-10:00"`},
		{"a date without a time", `"built":"2008-01-23"`, "invalidValue"},
		{"a date with a blank", `"built":"2008-01-23 04:56:22Z"`, "invalidValue"},
		{"a date as a number", `"built":1201064182`, "invalidValue"},
		{"an attribute that nobody knows", `"shoeSize":42`, ``},
		{"an attribute that clients may not write", `"state":"s","meta":{"version":7}`, ``},
		{"schemas are missing", ``, ``},
		{"schemas are a string", `"schemas":"urn:example:Gadget"`, ``},
		{"schemas are unknown", `"schemas":["urn:example:none"]`, ``},
		{"schemas are numbers", `"schemas":[7]`, "invalidSyntax"},
	}
	rt := gadgets(t).ResourceType("Gadget")
	for _, test := range tests {
		t.Run(test.row, func(t *testing.T) {
			parsed, err := rt.Parse([]byte("{" + strings.TrimSuffix(label+test.attributes, ",") + "}"))
			var refusal *Error
			if errors.As(err, &refusal) {
				if refusal.ScimType != test.want {
					t.Errorf("it is refused as %v", err)
				}
				return
			}
			want := strings.TrimSuffix(`{"schemas":["urn:example:Gadget"],`+label+test.want, ",") + "}"
			if err != nil || render(parsed.Object) != want {
				t.Error(cmp.Diff(want, render(parsed.Object)), err)
			}
			// What is answered is canonical: sent again, it is the same.
			again, err := rt.Parse([]byte(want))
			if err != nil || !again.Object.Equal(parsed.Object) {
				t.Errorf("sent again it is %v, error %v", again, err)
			}
		})
	}
}

// TestTolerancesOfReferencesAndBinaryData is the same of what the User has.
func TestTolerancesOfReferencesAndBinaryData(t *testing.T) {
	rt := Core().User()
	for _, test := range []struct{ row, attributes, want string }{
		{"a reference that is no URI", `"profileUrl":"not a URI"`, `"profileUrl":"not a URI"`},
		{"base64 without padding", `"x509Certificates":[{"value":"AAA_-w"}]`, `"x509Certificates":[{"value":"AAA/+w=="}]`},
		{"base64 over several lines", `"x509Certificates":[{"value":"AAAA\nAAAA"}]`, `"x509Certificates":[{"value":"AAAAAAAA"}]`},
		{"base64 as it should be", `"x509Certificates":[{"value":"AAA="}]`, `"x509Certificates":[{"value":"AAA="}]`},
	} {
		t.Run(test.row, func(t *testing.T) {
			parsed, err := rt.Parse([]byte(`{"userName":"ann",` + test.attributes + `}`))
			if want := `{` + schemasUser + `"userName":"ann",` + test.want + `}`; err != nil || render(parsed.Object) != want {
				t.Errorf("%v, error %v", parsed, err)
			}
		})
	}
}

// TestSchemasMayBeMissingFromRequests: a PATCH and a Bulk request without schemas.
func TestSchemasMayBeMissingFromRequests(t *testing.T) {
	if _, err := Core().User().ParsePatch([]byte(`{"Operations":[{"op":"add","path":"title","value":"x"}]}`)); err != nil {
		t.Error(err)
	}
	if _, err := ParseBulk([]byte(`{"Operations":[{"method":"DELETE","path":"/Users/1"}]}`), 10); err != nil {
		t.Error(err)
	}
}
