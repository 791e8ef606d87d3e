// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"fmt"
	"strings"
	"testing"
)

// allocFilters look at attributes in every way there is.
var allocFilters = []string{
	`userName eq "bjensen@example.com"`, `USERNAME ne "x"`, `userName co "JENSEN"`, `userName gt "a"`, `id eq "2819c223"`,
	`displayName sw "babs" or nickName ew "ABS"`, `not (title pr)`, `title eq null`, `active eq "True"`,
	`meta.lastModified gt "2011-05-13T04:42:33Z"`, `meta.created sw "2010"`, `emails[type eq "work" and not (value co "home")]`,
	`emails.value eq "BABS@jensen.org"`, `emails[type eq "home"].value ew ".org"`, `x509Certificates.value co "MII"`,
	`schemas eq "` + EnterpriseUserSchema + `"`, EnterpriseUserSchema + `:manager.displayName eq "john smith"`,
	OperatorUserSchema + `:organizationId eq "43"`, `userName pr and emails pr and name pr and name.givenName pr and title pr`,
}

// TestFilterAllocatesNothing: a filter looks at 100,000 resources without leaving any
// garbage behind.
func TestFilterAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	rt := Core().User()
	users := []*Object{
		mustDecode(t, rt, bjensen),
		mustDecode(t, rt, strings.ReplaceAll(bjensen, "ensen", "énsén ß")), // folded in a buffer that is used again
		mustDecode(t, rt, small),
		nil,
	}
	var packed []Packed
	for _, user := range users[:3] {
		packed = append(packed, rt.Pack(user))
	}
	for _, text := range append(allocFilters, `userName eq " ﬁnn"`, `displayName co "ÉN"`, `addresses.formatted co "PLAZA\nholly"`, `addresses[formatted ew "USA" and type eq "work"]`, `meta.version eq "W/\"3694e05e\""`, `displayName gt "Ü"`) {
		f, err := rt.ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		all := func() {
			f.Fetch(packed)
			for i := range packed {
				f.Match(packed[i], nil)
			}
		}
		all() // which fills the pool of buffers
		if n := testing.AllocsPerRun(100, all); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
	group, list := mustDecode(t, Core().Group(), `{"id":"g","displayName":"Tour Guides"}`), MemberReader(members("a", "b"))
	packedGroup := Core().Group().Pack(group)
	for _, text := range []string{`members.value eq "b"`, `members[value eq "b" and type eq "User"]`, `displayName eq "x" or members pr`} {
		f, err := Core().Group().ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { f.Match(packedGroup, list) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

// TestFetchChangesNothing: what Fetch looks at may be missing, of any kind, and more than
// it takes at once.
func TestFetchChangesNothing(t *testing.T) {
	registry := gadgets(t)
	for _, rt := range registry.ResourceTypes() {
		var resources []Packed
		for i := range 2*FetchSize + 1 {
			document := fmt.Sprintf(`{"id":"%d","userName":"u%d","label":"x","displayName":"d"}`, i, i)
			if i%3 == 0 && rt == registry.User() {
				document = bjensen
			}
			resources = append(resources, rt.Pack(mustDecode(t, rt, document)), rt.Pack(nil), rt.Pack(&Object{}))
		}
		filters := append([]string{`id pr and count eq 7 and size.width gt 3`, `parts[tags eq "x" or primary eq true]`, `parts.value pr`,
			`label pr and weight lt 5 and urn:example:Extra:code pr`, `members pr or displayName pr`}, allocFilters...)
		for _, text := range filters {
			f, err := rt.ParseFilter(text)
			if err != nil {
				continue // on another type of resource
			}
			var before, after []bool
			for _, o := range resources {
				before = append(before, f.Match(o, nil))
			}
			for n := range len(resources) {
				f.Fetch(resources[n:])
			}
			f.Fetch(nil)
			f.Fetch(make([]Packed, 3))
			for _, o := range resources {
				after = append(after, f.Match(o, nil))
			}
			if fmt.Sprint(before) != fmt.Sprint(after) {
				t.Errorf("%s: %v before and %v after", text, before, after)
			}
		}
	}
}

// TestPatchAllocatesLittle bounds one PATCH of a user with every attribute, from the
// request to the result.
func TestPatchAllocatesLittle(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	rt := Core().User()
	user := mustDecode(t, rt, bjensen)
	for _, test := range patchesOfOne {
		body := patchOps(test.operation)
		n := testing.AllocsPerRun(100, func() {
			patch, err := rt.ParsePatch(body)
			if err != nil {
				t.Fatal(err)
			}
			if _, changed, err := patch.Apply(user, nil); err != nil || !changed {
				t.Fatal(changed, err)
			}
		})
		if n >= 100 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
}

// TestUsualValuesAreShared: 100,000 users do not each keep their own "work".
func TestUsualValuesAreShared(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	kind := Core().User().Attribute("emails.type")
	text := strings.Clone("work")
	b := NewBuilder(4)
	if n := testing.AllocsPerRun(100, func() { b.SetText(kind, text) }); n != 0 {
		t.Errorf("a usual value takes %v allocations", n)
	}
	b.SetText(kind, "of my own")
	if o := b.Object(); o.Text(kind) != "of my own" {
		t.Errorf("another value is %q", o.Text(kind))
	}
}
