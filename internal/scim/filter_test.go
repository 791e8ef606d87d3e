// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFilterMatchesUser(t *testing.T) {
	user := mustDecode(t, Core().User(), bjensen)
	tests := []struct {
		filter string
		want   bool
	}{
		// Strings without case.
		{`userName eq "bjensen@example.com"`, true},
		{`userName eq "BJensen@Example.COM"`, true},
		{`USERNAME EQ "bjensen@example.com"`, true},
		{`userName eq "bjensen@example.co"`, false},
		{`userName eq "bjensen@example.comm"`, false},
		{`userName ne "someone"`, true},
		{`userName ne "BJENSEN@example.com"`, false},
		{`userName co "JENSEN@"`, true},
		{`userName co "smith"`, false},
		{`userName co ""`, true},
		{`userName sw "BJ"`, true},
		{`userName sw "jensen"`, false},
		{`userName ew "EXAMPLE.com"`, true},
		{`userName ew "example.org"`, false},
		{`userName gt "aaa"`, true},
		{`userName gt "BJENSEN@EXAMPLE.COM"`, false},
		{`userName ge "BJENSEN@EXAMPLE.COM"`, true},
		{`userName lt "c"`, true},
		{`userName lt "bjensen@example.com"`, false},
		{`userName le "bjensen@example.com"`, true},
		{`userName pr`, true},
		// Strings with case.
		{`externalId eq "701984"`, true},
		{`id eq "2819C223"`, false},
		{`id eq "2819c223"`, true},
		{`id ne "2819C223"`, true},
		{`id co "19c"`, true},
		{`id sw "28"`, true},
		{`id ew "223"`, true},
		{`id gt "2819c222"`, true},
		// Booleans.
		{`active eq true`, true},
		{`active eq false`, false},
		{`active ne false`, true},
		{`active eq "True"`, true},
		{`active eq TRUE`, true},
		// Dates are compared as instants.
		{`meta.created eq "2010-01-23T05:56:22+01:00"`, true},
		{`meta.created eq "2010-01-23T04:56:22.000Z"`, true},
		{`meta.lastModified gt "2011-05-13T04:42:33Z"`, true},
		{`meta.lastModified gt "2011-05-13T04:42:34Z"`, false},
		{`meta.lastModified ge "2011-05-13T00:42:34-04:00"`, true},
		{`meta.lastModified lt "2012-01-01T00:00:00Z"`, true},
		{`meta.lastModified le "2011-05-13T04:42:34Z"`, true},
		{`meta.lastModified sw "2011-05"`, true},
		{`meta.resourceType eq "User"`, true},
		// Sub-attributes, and values of multi-valued attributes.
		{`name.familyName co "ENSE"`, true},
		{`name.givenName eq "Barbara" and name.familyName eq "Jensen"`, true},
		{`name pr`, true},
		{`emails pr`, true},
		{`emails.value eq "babs@jensen.org"`, true},
		{`emails co "jensen.org"`, true},
		{`emails eq "babs@jensen.org"`, true},
		{`emails.type eq "work"`, true},
		{`emails.type eq "other"`, false},
		{`emails.type ne "work"`, true},
		{`emails.display pr`, true},
		{`addresses.locality eq "hollywood"`, true},
		{`ims.display pr`, false},
		{`ims.display ne "x"`, true},
		{`ims.display eq null`, true},
		{`groups.value eq "e9e30dba"`, true},
		{`x509Certificates.value eq "MIIDQzCC"`, true},
		// Value paths: one value satisfies all of the filter.
		{`emails[type eq "work"]`, true},
		{`emails[type eq "work" and value co "@example.com"]`, true},
		{`emails[type eq "home" and value co "@example.com"]`, false},
		{`emails[type eq "home" and (value co "jensen" or value co "example")]`, true},
		{`emails[((type eq "home") and (not (value pr)))]`, false},
		{`emails[not (type eq "work")]`, true},
		{`emails[type eq "work"].value eq "bjensen@example.com"`, true},
		{`emails[type eq "home"].value eq "bjensen@example.com"`, false},
		{`emails[ type eq "home" ]`, true},
		{`emails[primary eq "True"].value sw "bjensen"`, true},
		{`name[givenName eq "barbara"]`, true},
		{`roles[primary eq true]`, true},
		// Absent attributes are null.
		{`meta.version eq null`, false},
		{`meta.version ne null`, true},
		{`emails eq null`, false},
		{`name ne null`, true},
		// Logic: and binds closer than or, not closest.
		{`title pr and userType eq "Employee"`, true},
		{`title pr or userType eq "Intern"`, true},
		{`active eq false and title pr or userName pr`, true},
		{`active eq false and (title pr or userName pr)`, false},
		{`userName pr or active eq false and title eq "x"`, true},
		{`not (active eq false)`, true},
		{`not(active eq true)`, false},
		{`NOT (title eq "x") AND title pr OR active eq false`, true},
		{`(((userName pr)))`, true},
		{`  userName   eq   "bjensen@example.com"  `, true},
		// URNs and extensions.
		{`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bjensen@example.com"`, true},
		{`URN:ietf:params:SCIM:schemas:core:2.0:User:name.familyName eq "jensen"`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "701984"`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "26118915"`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName sw "john"`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department eq "tour operations"`, true},
		{`urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User:userType eq "technician"`, true},
		{`urn:ietf:params:scim:schemas:extension:ninjaone:2.0:User:organizationId eq "43"`, true},
		{`urn:ietf:params:scim:schemas:extension:ninjaone:2.0:User:organizationId eq "44"`, false},
		{`urn:scim:schemas:core:1.0:userName sw "bj"`, true},
		{`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`, true},
		{`schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"`, true},
		{`schemas eq "urn:example:other"`, false},
		{`schemas pr`, true},
		// JSON escapes.
		{`displayName eq "Babs\u0020Jensen"`, true},
		{`displayName eq "Babs\u0020\"Jensen"`, false},
		{`addresses.formatted co "Plaza\nHolly"`, true},
	}
	for _, test := range tests {
		t.Run(test.filter, func(t *testing.T) {
			f, err := Core().User().ParseFilter(test.filter)
			if err != nil {
				t.Fatal(err)
			}
			if got := matches(f, user, nil); got != test.want {
				t.Errorf("matches: %v, want %v", got, test.want)
			}
			if f.String() != test.filter {
				t.Errorf("String() = %q", f)
			}
		})
	}
}

func TestFilterOnAbsentAttributes(t *testing.T) {
	user := mustDecode(t, Core().User(), small)
	tests := []struct {
		filter string
		want   bool
	}{
		{`title pr`, false},
		{`title eq "x"`, false},
		{`title ne "x"`, true},
		{`title eq null`, true},
		{`title ne null`, false},
		{`title co ""`, false},
		{`emails.value ne "x"`, true},
		{`emails[type eq "work"]`, false},
		{`not (emails[type eq "work"])`, true},
		{`name.givenName eq null`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department pr`, false},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq null`, true},
		{`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`, false},
	}
	for _, test := range tests {
		f, err := Core().User().ParseFilter(test.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(f, user, nil); got != test.want {
			t.Errorf("%s matches: %v, want %v", test.filter, got, test.want)
		}
	}
}

// TestPrimaryIsFalseWhereItIsNotSaid: RFC 7643 §2.4.
func TestPrimaryIsFalseWhereItIsNotSaid(t *testing.T) {
	rt := Core().User()
	user := mustDecode(t, rt, `{"id":"1","userName":"ann","emails":[{"value":"a","primary":true},{"value":"b"}],"roles":[{"value":"x","primary":false}]}`)
	packed := rt.Pack(user)
	for filter, want := range map[string]bool{
		`emails[primary eq true and value eq "a"]`:    true,
		`emails[primary eq false and value eq "b"]`:   true,
		`emails[primary ne true and value eq "b"]`:    true,
		`emails[primary eq "False" and value eq "b"]`: true,
		`emails[primary ne false and value eq "b"]`:   false,
		`emails[primary eq false and value eq "a"]`:   false,
		`emails[primary pr and value eq "b"]`:         false,
		`emails[primary eq null and value eq "b"]`:    true,
		`emails[not (primary eq true) and value pr]`:  true,
		`roles[primary eq false]`:                     true,
		`phoneNumbers[primary eq false]`:              false,
		`phoneNumbers[primary ne true]`:               false,
	} {
		f, err := rt.ParseFilter(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(f, user, nil); got != want {
			t.Errorf("%s matches: %v, want %v", filter, got, want)
		}
		if got := f.Match(packed, nil); got != want {
			t.Errorf("%s matches what is packed: %v, want %v", filter, got, want)
		}
	}
}

// TestFilterAmongTypes: what only another type has is without a value.
func TestFilterAmongTypes(t *testing.T) {
	types := []*ResourceType{Core().User(), Core().Group()}
	group := mustDecode(t, Core().Group(), `{"id":"1","displayName":"Guides"}`)
	for _, row := range []struct {
		filter       string
		match, never bool
	}{
		{`userName pr`, false, true},
		{`userName eq "x"`, false, true},
		{`userName ne "x"`, true, false},
		{`userName eq null`, true, false},
		{`userName ne null`, false, true},
		{`userName gt "a"`, false, true},
		{`not (userName pr)`, true, false},
		{`emails[type eq "work"].value eq "x"`, false, true},
		{`emails[type eq "work"] or displayName sw "g"`, true, false},
		{`name.givenName eq "x" and displayName sw "g"`, false, true},
		{`active eq true or name.givenName co "x"`, false, true},
		{EnterpriseUserSchema + `:department eq "IT" or displayName eq "guides"`, true, false},
		{`displayName eq "guides"`, true, false},
	} {
		f, err := Core().Group().ParseFilterAmong(types, row.filter)
		if err != nil {
			t.Fatalf("%s: %v", row.filter, err)
		}
		if matches(f, group, nil) != row.match || f.Never() != row.never {
			t.Errorf("%s matches: %v, never: %v", row.filter, matches(f, group, nil), f.Never())
		}
	}
	for filter, want := range map[string]string{
		`shoeSize pr`:            `column 1: "shoeSize" is not an attribute of Group`,
		`password eq "x"`:        "password cannot be filtered",
		`active gt true`:         "active is a boolean, which has no order",
		`emails[displayName pr]`: `"displayName" is not a sub-attribute of emails`,
	} {
		_, err := Core().Group().ParseFilterAmong(types, filter)
		wantError(t, err, "invalidFilter", want)
	}
}

func TestFilterComparesWideCharacters(t *testing.T) {
	tests := []struct {
		stored, filter string
		want           bool
	}{
		{"Müller", `displayName eq "MÜLLER"`, true},
		{"MU\u0308LLER", `displayName eq "müller"`, true}, // u with a combining diaeresis
		{"Mu\u0308ller", `displayName eq "muller"`, false},
		{"STRASSE", `displayName eq "Straße"`, true},
		{"straße", `displayName co "SS"`, true},
		{"Ångström", `displayName sw "åNG"`, true},
		{"Ångström", `displayName ew "RÖM"`, true},
		{"ångström", `displayName gt "Z"`, true},
		{"Ἀθήνα", `displayName co "ΘΉΝ"`, true},
		{"日本", `displayName eq "日本"`, true},
	}
	rt := Core().User()
	for _, test := range tests {
		o := mustDecode(t, rt, small).With(rt.Attribute("displayName"), test.stored)
		f, err := rt.ParseFilter(test.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(f, o, nil); got != test.want {
			t.Errorf("%q: %s matches: %v, want %v", test.stored, test.filter, got, test.want)
		}
	}
}

func TestFilterComparesNumbers(t *testing.T) {
	rt := gadgets(t).ResourceType("Gadget")
	o := mustDecode(t, rt, `{"id":"1","label":"x","count":7,"weight":2.5,"size":{"width":9007199254740993}}`)
	tests := []struct {
		filter string
		want   bool
	}{
		{`count eq 7`, true},
		{`count eq 7.0`, true},
		{`count gt 6.5`, true},
		{`count lt 7`, false},
		{`count le 7`, true},
		{`count ne 8`, true},
		{`weight eq 2.5`, true},
		{`weight ge 25e-1`, true},
		{`weight lt -1`, false},
		{`size.width eq 9007199254740993`, true},
		{`size.width eq 9007199254740992`, false},
		{`urn:example:Extra:code eq null`, true},
	}
	for _, test := range tests {
		f, err := rt.ParseFilter(test.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(f, o, nil); got != test.want {
			t.Errorf("%s matches: %v, want %v", test.filter, got, test.want)
		}
	}
}

func TestFilterMatchesMembers(t *testing.T) {
	group := mustDecode(t, Core().Group(), `{"id":"g","displayName":"Tour Guides"}`)
	list := MemberList{
		{Value: "u1", Type: "User", Display: "Ann", Ref: "https://example.com/Users/u1"},
		{Value: "g2", Type: "Group", Display: "Others"},
	}
	tests := []struct {
		filter string
		want   bool
	}{
		{`members.value eq "u1"`, true},
		{`members eq "u1"`, true},
		{`members.value eq "u9"`, false},
		{`members.value ne "u1"`, true},
		{`members pr`, true},
		{`members.display pr`, true},
		{`members eq null`, false},
		{`members[value eq "u1"]`, true},
		{`members[value eq "u1" and type eq "group"]`, false},
		{`members[type eq "group" and value eq "g2"]`, true},
		{`members[(value eq "u1") or (value eq "u9")]`, true},
		{`members[not (type eq "User")]`, true},
		{`members.type eq "user"`, true},
		{`members[display sw "oth"].type eq "Group"`, true},
		{`members.$ref ew "/u1"`, true},
		{`displayName eq "tour guides" and members.value eq "g2"`, true},
	}
	for _, test := range tests {
		f, err := Core().Group().ParseFilter(test.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(f, group, list); got != test.want {
			t.Errorf("%s matches: %v, want %v", test.filter, got, test.want)
		}
		if !f.WantsMembers() {
			t.Errorf("%s: members are not asked for", test.filter)
		}
	}
	f, _ := Core().Group().ParseFilter(`members pr or members[value eq "x"] or members.display co "x"`)
	if matches(f, group, nil) {
		t.Error("a group without members matches")
	}
	if f, _ := Core().Group().ParseFilter(`displayName pr`); f.WantsMembers() {
		t.Error("members are asked for where none are compared")
	}
}

func TestFilterErrors(t *testing.T) {
	tests := []struct{ name, filter, want string }{
		{"empty", ``, "column 1: expected an attribute name"},
		{"blank", `   `, "column 4: expected an attribute name"},
		{"no operator", `userName`, "column 9: expected an operator"},
		{"unknown operator", `userName is "x"`, "column 10: expected an operator: eq, ne"},
		{"no value", `userName eq`, "column 12: expected a value"},
		{"bare word", `userName eq bjensen`, "column 13: expected a value"},
		{"single quotes", `userName eq 'bjensen'`, "column 13: expected a value"},
		{"unclosed string", `userName eq "bj`, `column 16: expected '"'`},
		{"unclosed string behind an escape", `userName eq "b\n`, `expected '"'`},
		{"bad escape", `userName eq "b\x"`, "unknown escape sequence"},
		{"half a surrogate pair", `userName eq "\ud83d"`, "surrogate"},
		{"NUL", `userName eq "\u0000"`, "U+0000"},
		{"something behind", `userName eq "x" userName`, "column 17: expected and, or, or the end"},
		{"and without more", `userName pr and`, "column 16: expected an attribute name"},
		{"unclosed group", `(userName pr`, "column 13: expected ')'"},
		{"not without group", `not userName pr`, `column 1: "not" is not an attribute of User`},
		{"unknown attribute", `shoeSize eq 42`, `column 1: "shoeSize" is not an attribute of User`},
		{"unknown attribute in the middle", `userName pr and shoeSize pr`, `column 17: "shoeSize"`},
		{"unknown sub-attribute", `name.shoe eq "x"`, `"shoe" is not a sub-attribute of name`},
		{"three levels", `name.givenName.x eq "x"`, `is not a sub-attribute of name`},
		{"unknown schema", `urn:example:nothing:x pr`, "names a schema that this resource type does not have"},
		{"unknown extension attribute", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:x pr`, "is not an attribute of urn:ietf"},
		{"extension as an attribute", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr`, "not a schema"},
		{"password", `password eq "x"`, "password cannot be filtered"},
		{"boolean and string", `active eq "yes"`, "column 11: expected true or false for active"},
		{"order of booleans", `active gt true`, "column 8: active is a boolean, which has no order"},
		{"text of booleans", `active co true`, "has no text to search"},
		{"order of certificates", `x509Certificates.value gt "MII"`, "has no order"},
		{"string and number", `userName eq 42`, "expected a string in double quotes for userName"},
		{"date", `meta.created gt "yesterday"`, "column 17: expected a date and time"},
		{"order and null", `title gt null`, "column 7: only eq and ne compare with null"},
		{"complex without value", `name eq "x"`, "column 6: name is complex: compare one of its sub-attributes"},
		{"value path on a string", `userName[value eq "x"]`, "column 1: userName has no sub-attributes"},
		{"value path on a sub-attribute", `emails.value[type eq "x"]`, "column 1: emails.value has no sub-attributes"},
		{"value path within one", `emails[type[value eq "x"]]`, "column 12: a value path within a value path"},
		{"unclosed value path", `emails[type eq "work"`, "column 22: expected ']'"},
		{"unknown name in a value path", `emails[shoe eq "work"]`, `"shoe" is not a sub-attribute of emails`},
		{"unknown name behind a value path", `emails[type eq "work"].shoe eq "x"`, `"shoe" is not a sub-attribute of emails`},
		{"empty value path", `emails[]`, "column 8: expected an attribute name"},
		{"wide characters count once", `displayName eq "日本" x`, "column 21:"},
		{"leading zero", `emails.primary eq 01`, "column 19"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Core().User().ParseFilter(test.filter)
			wantError(t, err, "invalidFilter", test.want)
		})
	}
	rt := gadgets(t).ResourceType("Gadget")
	for filter, want := range map[string]string{
		`count eq "7"`:    "expected a number for count",
		`count eq 1e999`:  "out of range",
		`count co 7`:      "no text to search",
		`secret eq "x"`:   "secret cannot be filtered",
		`count eq 7 and`:  "expected an attribute name",
		`count eq -`:      "expected a value",
		`weight gt false`: "expected a number for weight",
	} {
		_, err := rt.ParseFilter(filter)
		wantError(t, err, "invalidFilter", want)
	}
}

func TestFilterBounds(t *testing.T) {
	rt := Core().User()
	tests := []struct{ name, filter, want string }{
		{"length", `userName eq "` + strings.Repeat("x", maxFilterBytes) + `"`, "longer than"},
		{"depth", strings.Repeat("(", 40) + "userName pr" + strings.Repeat(")", 40), "nested groups"},
		{"parts", strings.Repeat("title pr or ", 200) + "title pr", "parts"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := rt.ParseFilter(test.filter)
			wantError(t, err, "invalidFilter", test.want)
		})
	}
	_, err := rt.ParseFilter(strings.Repeat("x", 4000) + " pr")
	if len(err.Error()) > 300 {
		t.Errorf("an error repeats a name of %d bytes", len(err.Error()))
	}
}

func TestFilterEqualities(t *testing.T) {
	type equality struct{ Path, Value string }
	tests := []struct {
		filter string
		want   []equality
	}{
		{`userName eq "BJensen"`, []equality{{"userName", "BJensen"}}},
		{`externalId eq "a" and active eq true`, []equality{{"externalId", "a"}}},
		{`userName eq "a" and (id eq "b" and displayName eq "c")`, []equality{{"userName", "a"}, {"id", "b"}, {"displayName", "c"}}},
		{`emails[type eq "work"].value eq "x"`, []equality{{"emails.type", "work"}, {"emails.value", "x"}}},
		{`emails[type eq "work" and value eq "x"]`, []equality{{"emails.type", "work"}, {"emails.value", "x"}}},
		{`emails eq "x"`, []equality{{"emails.value", "x"}}},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "7"`,
			[]equality{{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "7"}}},
		{`userName eq "a" or userName eq "b"`, nil},
		{`not (userName eq "a")`, nil},
		{`userName ne "a"`, nil},
		{`title eq null`, nil},
		{`meta.created eq "2010-01-23T05:56:22Z"`, nil},
	}
	for _, test := range tests {
		t.Run(test.filter, func(t *testing.T) {
			f, err := Core().User().ParseFilter(test.filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []equality
			for _, e := range f.Equalities() {
				if e.Attr.Path() != e.Path {
					t.Errorf("attribute %s under path %s", e.Attr.Path(), e.Path)
				}
				got = append(got, equality{e.Path, e.Value})
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
	f, err := Core().Group().ParseFilter(`members[value eq "u1"]`)
	if err != nil || f.Equalities()[0].Path != "members.value" {
		t.Errorf("equalities %v, error %v", f.Equalities(), err)
	}
}

func TestFilterMatchAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	user := mustDecode(t, Core().User(), bjensen)
	user = user.With(Core().User().Attribute("displayName"), "Bärbel Jensen")
	group := mustDecode(t, Core().Group(), `{"id":"g","displayName":"Guides"}`)
	packed, packedGroup := Core().User().Pack(user), Core().Group().Pack(group)
	var list MemberReader = members("a", "b")
	for _, filter := range []string{
		`userName eq "someone@example.com"`, `title co "guide"`, `displayName eq "bärbel jensen"`,
		`displayName co "JENSEN"`, `meta.lastModified gt "2011-01-01T00:00:00Z"`,
		`emails[type eq "home" and value ew "jensen.org"]`, `not (active eq true) or name.familyName sw "J"`,
		`schemas eq "urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User"`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department gt "a"`,
	} {
		f, err := Core().User().ParseFilter(filter)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { f.Match(packed, nil) }); n != 0 {
			t.Errorf("%s: %v allocations", filter, n)
		}
	}
	f, _ := Core().Group().ParseFilter(`members.value eq "b" and displayName pr`)
	if n := testing.AllocsPerRun(100, func() { f.Match(packedGroup, list) }); n != 0 {
		t.Errorf("members: %v allocations", n)
	}
}
