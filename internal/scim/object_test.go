// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"testing"
	"time"
	"unicode"
)

func TestObjectIsCopiedOnWrite(t *testing.T) {
	rt := Core().User()
	user, title, userName := mustDecode(t, rt, small), rt.Attribute("title"), rt.Attribute("userName")
	before := render(user)
	titled := user.With(title, "x")
	renamed := titled.With(userName, "bob")
	bare := renamed.With(title, nil).With(rt.Attribute("nickName"), "")
	if render(user) != before || titled.Text(title) != "x" || titled.Text(userName) != "ann" {
		t.Error("an object changed")
	}
	if got := render(bare); got != `{`+schemasUser+`"id":"1","userName":"bob","active":true,"meta":{"resourceType":"User"}}` {
		t.Errorf("object is %s", got)
	}
	if active, ok := bare.Bool(rt.Attribute("active")); !active || !ok {
		t.Error("active is lost")
	}
	if bare.List(rt.Attribute("emails")) != nil || bare.Object(rt.Attribute("name")) != nil {
		t.Error("something is there that is not")
	}
}

func TestNilObjectIsEmpty(t *testing.T) {
	var o *Object
	a := Core().User().Attribute("title")
	if o.Len() != 0 || o.Get(a) != nil || !o.Equal(&Object{}) || !(&Object{}).Equal(o) {
		t.Error("a nil object has something")
	}
	if o.With(a, "x").Text(a) != "x" || render(o) != "{}" || string(AppendValue(nil, o)) != "{}" {
		t.Error("a nil object cannot be used")
	}
}

func TestBuilderOrdersAndSkips(t *testing.T) {
	rt := Core().User()
	b := NewBuilder(4)
	yes := true
	b.Set(rt.Attribute("meta"), mustDecode(t, rt, small).Get(rt.Attribute("meta")))
	b.SetBool(rt.Attribute("active"), &yes)
	b.SetText(rt.Attribute("userName"), "bob")
	b.SetText(rt.Attribute("userName"), "ann")
	b.SetText(rt.Attribute("title"), "")
	b.SetBool(rt.Attribute("active"), nil)
	b.Set(rt.Attribute("emails"), List{})
	b.Set(rt.Attribute("schemas"), List{"x"})
	b.SetText(rt.Attribute("id"), "1")
	if got := b.Object(); !got.Equal(mustDecode(t, rt, small)) {
		t.Errorf("object is %s", render(got))
	}
}

func TestObjectEqual(t *testing.T) {
	rt := Core().User()
	first := mustDecode(t, rt, bjensen)
	for _, path := range []string{"userName", "name", "emails", "active", "x509Certificates"} {
		changed := first.With(rt.Attribute(path), nil)
		if first.Equal(changed) || changed.Equal(first) {
			t.Errorf("equal without %s", path)
		}
	}
	emails := rt.Attribute("emails")
	swapped := first.With(emails, List{first.List(emails)[1], first.List(emails)[0]})
	if first.Equal(swapped) || first.Equal(first.With(emails, "x")) || first.With(emails, "x").Equal(first) {
		t.Error("equal with other e-mails")
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"ann":             "ann",
		"Ann@Example":     "ann@example",
		"MÜLLER":          "müller",
		"mu\u0308ller":    "müller",
		"STRASSE":         "strasse",
		"straße":          "strasse",
		"ΌΣΟΣ":            "όσοσ",
		"ςΣσ":             "σσσ",
		"\u212aelvin":     "kelvin",
		"İ":               "i̇",
		"日本":              "日本",
		"\uab70\u13f8":    "\u13a0\u13f0", // Cherokee folds to capitals
		"Ann\u00e9\u0041": "annéa",
	} {
		got := Fold(in)
		if got != want {
			t.Errorf("%q is folded to %q, want %q", in, got, want)
		}
		if Fold(got) != got {
			t.Errorf("%q is folded once more to %q", got, Fold(got))
		}
		b := &foldBuffer{caser: foldBuffers.Get().(*foldBuffer).caser}
		if string(b.fold(in)) != want {
			t.Errorf("%q is folded to %q in a buffer", in, b.fold(in))
		}
	}
	if n := testing.AllocsPerRun(10, func() { Fold("already.folded@example.com") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestFoldAllLetters: letters that differ in case only fold to the same, and what
// is folded folds to itself.
func TestFoldAllLetters(t *testing.T) {
	for r := rune(0x80); r < 0x1F000; r++ {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			continue
		}
		folded := Fold(string(r))
		if again := Fold(folded); again != folded {
			t.Errorf("%U is folded to %q and that to %q", r, folded, again)
		}
		if other := Fold(string(unicode.SimpleFold(r))); other != folded {
			t.Errorf("%U is folded to %q, %U to %q", r, folded, unicode.SimpleFold(r), other)
		}
	}
}

func TestEqualFold(t *testing.T) {
	words := []string{"", "a", "A", "ann", "ANN", "anne", "e\u0301", "É", "é", "e", "ae\u0301", "AÉ", "aé", "ß", "ss", "SS", "s", "\u212a", "k", "x\u0308y", "ẍY", "xy", "日本"}
	for _, s := range words {
		for _, u := range words {
			want := Fold(s) == Fold(u)
			if equalFold(s, u) != want || equalFolded(s, Fold(u)) != want || (compareFolded(s, Fold(u)) == 0) != want {
				t.Errorf("%q and %q: %v, %v, %d, want %v", s, u, equalFold(s, u), equalFolded(s, Fold(u)), compareFolded(s, Fold(u)), want)
			}
		}
	}
}

func TestInstants(t *testing.T) {
	for _, text := range []string{
		"2008-01-23T04:56:22Z", "2008-01-23T04:56:22.123456789Z", "2008-01-23T04:56:22-08:00",
		"2008-01-23T04:56:22+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.5+00:00", "2024-02-29T00:00:00Z",
		"0000-01-01T00:00:00Z", "0000-02-29T00:00:00Z", "1900-02-28T23:59:59Z", "1900-03-01T00:00:00Z", "2000-12-31T00:00:00Z",
	} {
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parseInstant(text)
		if !ok || got.seconds != want.Unix() || got.nanoseconds != int64(want.Nanosecond()) {
			t.Errorf("%s is %v", text, got)
		}
	}
	for _, text := range []string{"2008-01-23T24:00:00Z", "2008-01-23T04:56:60Z", "2008-01-23t04:56:22z", "2008-01-23T04:56:22.1234567890123Z"} {
		if _, ok := parseInstant(text); !ok {
			t.Errorf("%s is refused", text)
		}
	}
	for _, text := range []string{
		"", "2008", "2008-01-23", "2008-01-23 04:56:22Z", "2008-13-23T04:56:22Z", "2008-00-23T04:56:22Z", "2008-01-32T04:56:22Z",
		"2023-02-29T00:00:00Z", "2008-01-23T25:00:00Z", "2008-01-23T24:00:01Z", "2008-01-23T04:60:22Z", "2008-01-23T04:56:61Z",
		"2008-01-23T04:56:22.Z", "2008-01-23T04:56:22x", "2008-01-23T04:56:22+15:00", "2008-01-23T04:56:22+0100", "200a-01-23T04:56:22Z",
		"2008-01-23T04:56:22+01:60", "2008-01-23T04:56:22+aa:bb",
	} {
		if got, ok := parseInstant(text); ok {
			t.Errorf("%s is %v", text, got)
		}
	}
}

func TestInstantsOfEveryDay(t *testing.T) {
	for day := time.Date(0, 1, 1, 12, 0, 0, 0, time.UTC); day.Year() < 2401; day = day.AddDate(0, 0, 1) {
		got, ok := parseInstant(day.Format(time.RFC3339))
		if !ok || got.seconds != day.Unix() {
			t.Fatalf("%s is %v", day, got)
		}
	}
}
