// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"slices"
	"strings"
	"testing"
)

func TestSort(t *testing.T) {
	rt := Core().User()
	users := []*Object{
		mustDecode(t, rt, `{"id":"1","userName":"Zoe","active":true,"name":{"familyName":"ängström"},"emails":[{"value":"x"},{"value":"b","primary":true}],"meta":{"created":"2020-01-01T00:00:00+02:00"}}`),
		mustDecode(t, rt, `{"id":"2","userName":"adam","active":false,"name":{"familyName":"ZETA"},"emails":[{"value":"a"}],"meta":{"created":"2019-12-31T23:00:00Z"}}`),
		mustDecode(t, rt, `{"id":"3","userName":"Bob","meta":{"created":"2020-01-01T00:00:00Z"},`+enterpriseKey+`{"department":"IT"}}`),
	}
	tests := []struct{ by, order, want string }{
		{"", "", "1 2 3"},
		{"", "descending", "1 2 3"},
		{"userName", "", "2 3 1"},
		{"USERNAME", "Ascending", "2 3 1"},
		{"userName", "descending", "1 3 2"},
		{"id", "descending", "3 2 1"},
		{"active", "", "2 1 3"},
		{"active", "descending", "3 1 2"},
		{"name.familyName", "", "2 1 3"},
		{"emails", "", "2 1 3"},
		{"emails.value", "descending", "3 1 2"},
		{"meta.created", "", "1 2 3"},
		{EnterpriseUserSchema + ":department", "", "3 1 2"},
	}
	for _, test := range tests {
		s, err := rt.ParseSort(test.by, test.order)
		if err != nil {
			t.Fatal(err)
		}
		sorted := slices.Clone(users)
		slices.SortStableFunc(sorted, func(a, b *Object) int { return s.CompareKeys(s.Key(pack(a)), s.Key(pack(b))) })
		var ids []string
		for _, o := range sorted {
			ids = append(ids, o.Text(rt.Attribute("id")))
		}
		if got := strings.Join(ids, " "); got != test.want {
			t.Errorf("by %s %s: %s, want %s", test.by, test.order, got, test.want)
		}
	}
}

func TestSortNumbers(t *testing.T) {
	rt := gadgets(t).ResourceType("Gadget")
	light := mustDecode(t, rt, `{"id":"1","label":"x","count":10,"weight":0.5}`)
	heavy := mustDecode(t, rt, `{"id":"2","label":"x","count":9,"weight":2}`)
	for by, want := range map[string]int{"count": 1, "weight": -1, "label": 0} {
		s, err := rt.ParseSort(by, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CompareKeys(s.Key(pack(light)), s.Key(pack(heavy))); got != want {
			t.Errorf("by %s: %d", by, got)
		}
	}
}

func TestSortErrors(t *testing.T) {
	for _, test := range []struct{ by, order, scimType, want string }{
		{"shoeSize", "", "invalidPath", "shoeSize"},
		{"name", "", "invalidPath", "name is complex"},
		{"password", "", "invalidPath", "cannot be sorted by password"},
		{"x509Certificates", "", "invalidPath", "cannot be sorted"},
		{"schemas", "", "invalidPath", "not sorted by schemas"},
		{EnterpriseUserSchema, "", "invalidPath", "a schema"},
		{"userName", "upwards", "invalidValue", "ascending or descending"},
	} {
		_, err := Core().User().ParseSort(test.by, test.order)
		wantError(t, err, test.scimType, test.want)
	}
	_, err := Core().Group().ParseSort("members.value", "")
	wantError(t, err, "invalidPath", "not sorted by members")
}

func TestSortKeysAreInTheOrderOfTheValues(t *testing.T) {
	rt := gadgets(t).ResourceType("Gadget")
	var numbers []*Object
	for _, weight := range []string{"-1e300", "-2", "-0.5", "0", "1e-300", "0.5", "2", "1e300"} {
		numbers = append(numbers, mustDecode(t, rt, `{"id":"x","label":"x","weight":`+weight+`}`))
	}
	for _, count := range []string{"-9000000000000000000", "-1", "0", "1", "9000000000000000000"} {
		numbers = append(numbers, mustDecode(t, rt, `{"id":"x","label":"x","count":`+count+`}`))
	}
	for by, ordered := range map[string][]*Object{"weight": numbers[:8], "count": numbers[8:]} {
		s, err := rt.ParseSort(by, "")
		if err != nil {
			t.Fatal(err)
		}
		for i := range ordered[1:] {
			if s.Key(pack(ordered[i])) >= s.Key(pack(ordered[i+1])) {
				t.Errorf("by %s: number %d is not before the next one", by, i)
			}
		}
		if s.Key(pack(ordered[0])) >= s.Key(pack(&Object{})) {
			t.Errorf("by %s: no number is not behind all numbers", by)
		}
	}
	negative, positive := mustDecode(t, rt, `{"id":"x","label":"x","weight":-0.0}`), numbers[3]
	byWeight, _ := rt.ParseSort("weight", "")
	if byWeight.Key(pack(negative)) != byWeight.Key(pack(positive)) {
		t.Error("-0 is not 0")
	}
	long := (&Object{}).With(rt.Attribute("label"), strings.Repeat("É", 5000))
	byLabel, _ := rt.ParseSort("label", "")
	if got := len(byLabel.Key(pack(long))); got > 1+maxSortKey {
		t.Errorf("a key has %d bytes", got)
	}
	var none *Sort
	if none.Key(pack(long)) != "" || none.CompareKeys("", "") != 0 {
		t.Error("without an order there is a key")
	}
}
