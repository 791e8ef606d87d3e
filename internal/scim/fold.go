// SPDX-License-Identifier: Apache-2.0

package scim

// Fold gives the form in which two strings are compared where case does not
// matter: NFC of the Unicode full case folding of NFC. `userName` is unique in
// this form. ASCII is quick, and nothing is allocated when s is folded already.
func Fold(s string) string {
	i, upper := 0, -1
	for ; i < len(s) && s[i] < 0x80; i++ {
		if upper < 0 && 'A' <= s[i] && s[i] <= 'Z' {
			upper = i
		}
	}
	switch {
	case i < len(s):
		return foldWide(s)
	case upper < 0:
		return s
	}
	folded := []byte(s)
	for ; upper < len(folded); upper++ {
		folded[upper] = lower(folded[upper])
	}
	return string(folded)
}

// equalFold says whether two strings are equal when folded. It looks at no more of
// them than it has to.
func equalFold(s, t string) bool {
	wide := func(s string, i int) bool { return i < len(s) && s[i] >= 0x80 }
	for i := range max(len(s), len(t)) {
		switch {
		case wide(s, i) || wide(t, i):
			return Fold(s) == Fold(t)
		case i < len(s) && i < len(t) && lower(s[i]) == lower(t[i]):
			continue
		case wide(s, i+1) || wide(t, i+1):
			continue // a combining mark may make one character of the two
		}
		return false
	}
	return true
}

// lower folds one ASCII byte.
func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + ('a' - 'A')
	}
	return b
}

// lookupName finds a name in a table keyed by folded names. Attribute names and
// URNs are ASCII (RFC 7643 §2.1) and bounded, so a longer name is not there.
func lookupName[T string | []byte](table map[string]*Attribute, name T) *Attribute {
	var folded [maxURN]byte
	if len(name) > len(folded) {
		return nil
	}
	for i := range len(name) {
		folded[i] = lower(name[i])
	}
	return table[string(folded[:len(name)])]
}
