// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/secure/precis"
	"pgregory.net/rapid"
)

func TestFoldName(t *testing.T) {
	for in, want := range map[string]string{
		"Ann":                      "ann",
		"  Ann\t":                  "ann",
		"Ann Lee":                  "ann lee",
		"\u00a0ann\u3000":          "ann", // blanks of other scripts
		"ann\u00a0lee":             "ann lee",
		"ＡＮＮ":                      "ann", // full width
		"ﬁn":                       "fin", // a ligature
		"℡":                        "tel",
		"Ⅳ":                        "iv",
		"MU\u0308LLER":             "müller",
		"Straße":                   "strasse",
		"a\u200bnn":                "ann",
		"\u202eann\u202c":          "ann",
		"u\u200d\u0308":            "ü", // what is seen is composed
		"❤\ufe0f":                  "❤",
		" ":                        "",
		"\u3000\u2003":             "",
		"\u200b\u2060\ufeff":       "",
		"\u0645\u06cc\u200c\u062e": "\u0645\u06cc\u062e",
	} {
		if got := FoldName(in); got != want {
			t.Errorf("%q is folded to %q, want %q", in, got, want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { FoldName("already.folded@example.com") }); n != 0 {
		t.Errorf("folding what is folded allocates %v times", n)
	}
}

// TestFoldNameIsFinal: what is folded folds to itself, and letters that differ in case
// only fold to the same.
func TestFoldNameIsFinal(t *testing.T) {
	for r := rune(1); r <= unicode.MaxRune; r++ {
		folded := FoldName(string(r))
		if again := FoldName(folded); again != folded {
			t.Errorf("%U is folded to %q and that to %q", r, folded, again)
		}
		if other := FoldName(Fold(string(r))); other != folded {
			t.Errorf("%U is folded to %q, and folded before to %q", r, folded, other)
		}
	}
	// Combining characters, and those that are composed of others, in any order.
	odd := []rune{'a', 'A', 'ß', 'İ', 'ı', 'K', ' ', '\u00a8', '\u0300', '\u0308', '\u0345', '\u1fb3', '\u03aa', '\u0390',
		'\u200d', '\ufe0f', '\uff76', '\uff9e', '\u1100', '\u1161', '\u11a8', '\u3164', '\u2126', '\ufdfa', '\u0f73', '\U0001d15e'}
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(odd), rapid.Rune()), 0, 8).Draw(t, "name"))
		folded := FoldName(name)
		if again := FoldName(folded); again != folded {
			t.Errorf("%q is folded to %q and that to %q", name, folded, again)
		}
	})
}

// TestUniquenessAndFiltersSeeTheSameNames: a filter with `eq` finds exactly the names that
// uniqueness takes for the same.
func TestUniquenessAndFiltersSeeTheSameNames(t *testing.T) {
	pieces := []string{"a", "A", "n", "N", " ", "\t", "é", "e\u0301", "É", "ß", "ss", "ﬁ", "fi", "ａ", "\u00a0", "\u200b", "\u200d", "\ufe0f", "\u0301", "\u00a8"}
	draw := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 4).Draw(t, "pieces"), "")
	})
	attributes := []*Attribute{Core().User().Attribute("userName"), Core().Group().Attribute("displayName")}
	types := []*ResourceType{Core().User(), Core().Group()}
	rapid.Check(t, func(t *rapid.T) {
		stored, asked := draw.Draw(t, "stored"), draw.Draw(t, "asked")
		same := FoldName(stored) == FoldName(asked)
		for i, a := range attributes {
			o := (&Object{}).With(a, stored)
			accepts := func(op string) bool {
				f, err := types[i].ParseFilter(a.Path() + " " + op + " " + string(appendString(nil, asked)))
				if err != nil {
					t.Fatal(err)
				}
				return matches(f, o, nil)
			}
			if stored == "" {
				continue // it is null
			}
			if accepts("eq") != same || accepts("ne") == same || (accepts("ge") && accepts("le")) != same || accepts("gt") == accepts("le") {
				t.Fatalf("%s: %q and %q are the same name: %v; eq %v, ne %v, ge %v, le %v, gt %v", a.Path(), stored, asked, same,
					accepts("eq"), accepts("ne"), accepts("ge"), accepts("le"), accepts("gt"))
			}
			if a.Fold(stored) != FoldName(stored) {
				t.Fatalf("the attribute folds %q to %q", stored, a.Fold(stored))
			}
		}
	})
}

func TestFilterFindsPartsOfNames(t *testing.T) {
	rt := Core().User()
	for _, test := range []struct {
		stored, filter string
		want           bool
	}{
		{"Ann Lee", `userName sw "ANN "`, true},
		{"Anne", `userName sw "ann "`, false},
		{" Anne ", `userName sw " an"`, true},
		{"Ann Lee", `userName ew " lee"`, true},
		{"Annlee", `userName ew " lee"`, false},
		{"Ann Lee ", `userName ew "lee "`, true},
		{"Ann Lee", `userName co "n l"`, true},
		{"Annlee", `userName co "n "`, false},
		{"ＡＮＮ", `userName co "nn"`, true},
		{"ann", `userName co "ｎｎ"`, true},
		{"Müller", `userName sw "MU\u0308"`, true},
		{"a\u0301b", `userName co "\u0301"`, false}, // it is part of another character
		{"ann", `userName co ""`, true},
	} {
		f, err := rt.ParseFilter(test.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(f, (&Object{}).With(rt.Attribute("userName"), test.stored), nil); got != test.want {
			t.Errorf("%q: %s matches: %v, want %v", test.stored, test.filter, got, test.want)
		}
	}
}

// TestNamesOfEveryScript: what people call themselves and their groups is not refused.
func TestNamesOfEveryScript(t *testing.T) {
	for _, name := range []string{
		"ann", " ann ", "Ann O'Neill-Łukasz", "日本語", "Ἀθηνᾶ", "محمد", "דָּוִד", "می\u200cخواهم", "श्री\u200dमान",
		"Marketing ❤\ufe0f", "Family 👨\u200d👩\u200d👧", "Pilots 🏳\ufe0f\u200d🌈", "1\ufe0f\u20e3 first", "a\u00a0b", "\u06dd5",
	} {
		if _, err := Core().Group().Parse([]byte(`{"displayName":` + string(appendString(nil, name)) + `}`)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := Core().User().Parse([]byte(`{"userName":` + string(appendString(nil, name)) + `}`)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err := Core().Group().Parse([]byte(`{"displayName":" "}`))
	wantError(t, err, "invalidValue", "displayName: it is required")
	_, err = Core().Group().Parse([]byte(`{"displayName":"a\u200eb"}`))
	wantError(t, err, "invalidValue", "displayName: it contains U+200E, a character that cannot be seen")
	patch := `{"op":"replace","path":"userName","value":"a\u0007"}`
	_, err = Core().User().ParsePatch(patchOps(patch))
	wantError(t, err, "invalidValue", "userName: it contains the control character U+0007")
	blank, err := Core().User().ParsePatch(patchOps(`{"op":"replace","value":{"userName":" "}}`))
	if err == nil {
		_, _, err = blank.Apply(mustDecode(t, Core().User(), small), nil)
	}
	wantError(t, err, "mutability", "userName: it is required")
	if _, err := Core().User().Parse([]byte(`{"userName":"a","displayName":" \u200b","title":"\t"}`)); err != nil {
		t.Errorf("other attributes are the client's own affair: %v", err)
	}
}

// TestStoredNamesAreRead: what somebody put there with kubectl can still be read.
func TestStoredNamesAreRead(t *testing.T) {
	mustDecode(t, Core().User(), `{"id":"1","userName":" \u200b"}`)
}

func TestNewUsersAreActive(t *testing.T) {
	rt := Core().User()
	active := rt.Attribute("active")
	for body, want := range map[string]bool{
		`{"userName":"a"}`:                  true,
		`{"userName":"a","active":null}`:    true,
		`{"userName":"a","active":""}`:      true,
		`{"userName":"a","active":false}`:   false,
		`{"userName":"a","active":"False"}`: false,
		`{"userName":"a","active":true}`:    true,
	} {
		p, err := rt.ParseNew([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p.Object.Bool(active); !ok || got != want {
			t.Errorf("%s: active is %v, %v", body, got, ok)
		}
	}
	p, err := Core().Group().ParseNew([]byte(`{"displayName":"x"}`))
	if err != nil || p.Object.Len() != 1 {
		t.Errorf("a group has %s, error %v", render(p.Object), err)
	}
	_, err = rt.ParseNew([]byte(`{"active":true}`))
	wantError(t, err, "invalidValue", "userName: it is required")
}

// TestNamesThatPRECISTakesForEqual: what RFC 7644 §5 wants compared as equal is (RFC
// 8265 §3.3, UsernameCaseMapped).
func TestNamesThatPRECISTakesForEqual(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, name string) {
		mapped, err := precis.UsernameCaseMapped.String(name)
		if err == nil && FoldName(mapped) != FoldName(name) {
			t.Errorf("%q is %q by PRECIS, but folded to %q and not to %q", name, mapped, FoldName(name), FoldName(mapped))
		}
	}
	for r := rune(1); r <= unicode.MaxRune; r++ {
		check(t, string(r))
		check(t, "a"+string(r))
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, string(rapid.SliceOfN(rapid.RuneFrom(nil, unicode.L, unicode.M, unicode.Nd), 1, 6).Draw(t, "name")))
	})
}
