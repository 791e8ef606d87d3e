// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"strings"
	"testing"
)

// typed has an attribute of each type, once single and once multi-valued.
func typed(t *testing.T) *ResourceType {
	t.Helper()
	var attributes []*Attribute
	for _, kind := range []Type{String, Boolean, Decimal, Integer, DateTime, Binary, Reference} {
		attributes = append(attributes, attribute(kind, "a"+kind.String(), ""), attribute(kind, "many-"+kind.String(), "", multiValued))
	}
	attributes = append(attributes, attribute(String, "exact", "", caseExact))
	r, err := NewRegistry(WithResourceType(ResourceType{Name: "Typed", Endpoint: "/Typed", Schema: &Schema{ID: "urn:example:Typed", Attributes: attributes}}))
	if err != nil {
		t.Fatal(err)
	}
	return r.ResourceType("Typed")
}

// TestEveryOperatorOnEveryType compares a value with a smaller one, itself and a larger
// one. What the answers to eq, ne, co, sw, ew, gt, ge, lt and le are is written as three
// letters for each: y, n, or x where the comparison is refused.
func TestEveryOperatorOnEveryType(t *testing.T) {
	rt := typed(t)
	for _, test := range []struct{ attribute, value, smaller, larger, want string }{
		// The smaller value is within the value, the larger one is its end.
		{"astring", `"bcd"`, `"BC"`, `"CD"`, "nyn yny  yyy yyn nyy  ynn yyn nny nyy"},
		{"exact", `"bcd"`, `"BC"`, `"cd"`, "nyn yny  nyy nyn nyy  ynn yyn nny nyy"},
		{"areference", `"b:cd"`, `"b:C"`, `"cd"`, "nyn yny  yyy yyn nyy  ynn yyn nny nyy"},
		{"aboolean", `true`, `false`, `"False"`, "nyn yny  xxx xxx xxx  xxx xxx xxx xxx"},
		{"adecimal", `2.5`, `-1e2`, `2.50001`, "nyn yny  xxx xxx xxx  ynn yyn nny nyy"},
		{"ainteger", `7`, `6.9`, `8`, "nyn yny  xxx xxx xxx  ynn yyn nny nyy"},
		{"adateTime", `"2020-01-01T12:00:00Z"`, `"2020-01-01T13:00:00+02:00"`, `"2020-01-01T12:00:00.1Z"`, "nyn yny  nyn nyn nyn  ynn yyn nny nyy"},
		{"abinary", `"TWFu"`, `"TWF"`, `"WFu"`, "nyn yny  yyy yyn nyy  xxx xxx xxx xxx"},
	} {
		paths := []string{test.attribute, "URN:example:Typed:" + strings.ToUpper(test.attribute)}
		if kind, ok := strings.CutPrefix(test.attribute, "a"); ok {
			paths = append(paths, "many-"+kind)
		}
		for _, path := range paths {
			value := test.value
			name := path
			if strings.HasPrefix(path, "URN") {
				name = test.attribute
			}
			o := mustDecode(t, rt, `{"id":"1","`+name+`":`+value+`}`)
			want := strings.Split(strings.ReplaceAll(test.want, "  ", " "), " ")
			for i, op := range []string{"eq", "NE", "co", "Sw", "eW", "gt", "GE", "lt", "le"} {
				for j, operand := range []string{test.smaller, value, test.larger} {
					filter := path + " " + op + " " + operand
					f, err := rt.ParseFilter(filter)
					got := byte('x')
					switch {
					case err != nil:
						wantError(t, err, "invalidFilter", "column ")
					case matches(f, o, nil):
						got = 'y'
					default:
						got = 'n'
					}
					if got != want[i][j] {
						t.Errorf("%s: %c, want %c", filter, got, want[i][j])
					}
				}
			}
			for filter, want := range map[string]bool{path + " pr": true, path + " PR": true, path + " eq null": false, path + " ne null": true} {
				f, err := rt.ParseFilter(filter)
				if err != nil {
					t.Fatal(err)
				}
				if matches(f, o, nil) != want || matches(f, nil, nil) == want {
					t.Errorf("%s: %v with a value, %v without", filter, matches(f, o, nil), matches(f, nil, nil))
				}
			}
		}
	}
}

// TestFilterSpellings: the same question in every spelling that there is.
func TestFilterSpellings(t *testing.T) {
	user := mustDecode(t, Core().User(), bjensen)
	for _, filter := range []string{
		`EMAILS[TYPE EQ "WORK" AND NOT(VALUE CO "home")]`,
		UserSchema + `:emails[type eq "work" and not (value co "home")].value sw "bjensen"`,
		strings.ToUpper(UserSchema) + `:Emails.Value eq "bjensen@example.com"`,
		`emails[(type eq "work" or type eq "home") and (primary eq true or (display pr and value ew ".com"))]`,
		`meta.location eq "https://example.com/v2/Users/2819c223"`,
		`META.RESOURCETYPE eq "User" and Meta.Version sw "W/"`,
		`meta.created lt "2010-01-23T04:56:22.0001Z" and meta.created gt "2010-01-22T23:56:21.9-05:00"`,
		`meta[created le "2010-01-23T04:56:22" and lastModified ne "2010-01-23T04:56:22Z"]`,
		`meta pr and meta.version pr and not (meta eq null)`,
		`displayName eq "\u0042abs\u0020Jensen" and displayName ne "\ud83d\ude00\b\f\n\r\t\/\\\""`,
		"\tuserName\tpr\tand\ttitle\tpr ",
		`title pr and(userName pr)or(active eq false)`,
		`name.formatted ne null and ims.primary eq null and photos.value ne null`,
		EnterpriseUserSchema + `:manager pr and ` + EnterpriseUserSchema + `:manager[value eq "26118915" and displayName co "smith"]`,
		EnterpriseUserSchema + `:MANAGER eq "26118915"`,
		`id eq "2819c223" and not (id eq "2819C223") and externalId eq "701984"`,
		`addresses[type eq "work" and locality sw "holly" and primary eq true and country eq "us"]`,
	} {
		f, err := Core().User().ParseFilter(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if !matches(f, user, nil) {
			t.Errorf("%s does not match", filter)
		}
	}
}

// TestValuePathsOnSimpleValues: there is nothing to filter in a string, and whoever tries
// is told what to write.
func TestValuePathsOnSimpleValues(t *testing.T) {
	organizations := OperatorUserSchema + ":organizationId"
	for _, test := range []struct{ path, want string }{
		{organizations + `[value eq "42"]`, "organizationId is a list of simple values: compare them with"},
		{organizations + `[42]`, "organizationId is a list of simple values"},
		{`userName[value eq "x"]`, "userName has no sub-attributes to filter"},
		{`userName[]`, "userName has no sub-attributes to filter"},
		{`active[value eq true]`, "active has no sub-attributes to filter"},
		{`emails.value[type eq "work"]`, "emails.value has no sub-attributes to filter"},
		{`schemas[value eq "x"]`, "schemas is a list of simple values"},
	} {
		_, err := Core().User().ParseFilter(test.path)
		wantError(t, err, "invalidFilter", test.want)
		quoted := string(appendString(nil, test.path))
		for _, operation := range []string{
			`{"op":"remove","path":` + quoted + `}`,
			`{"op":"replace","path":` + quoted + `,"value":"x"}`,
			`{"op":"add","value":{` + quoted + `:"x"}}`,
		} {
			_, err := Core().User().ParsePatch(patchOps(operation))
			wantError(t, err, "invalidFilter", test.want)
		}
	}
}
