// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Names are the values of attributes that are unique without regard to case: a user's
// `userName`, a group's `displayName`. Two that a person cannot tell apart are one, so
// they are compared as [FoldName] has it, by uniqueness and by filters alike, and one
// that holds what nobody can see is refused.

// isName says whether the attribute's values are names.
func (a *Attribute) isName() bool {
	return a.Uniqueness != UniquenessNone && a.Type == String && !a.CaseExact && a.writable()
}

// FoldName gives the form in which names are compared: as [Fold], and without regard to
// how a character is written (NFKC: full-width letters, ligatures), to blanks around the
// name, and to characters that cannot be seen.
func FoldName(s string) string {
	if isASCII(s) {
		return strings.TrimSpace(Fold(s))
	}
	b := foldBuffers.Get().(*foldBuffer)
	defer foldBuffers.Put(b)
	return string(b.foldName(s))
}

// isPlainName says that to fold a name is to put its letters into lower case.
func isPlainName(s string) bool {
	return s == "" || s[0] > ' ' && s[len(s)-1] > ' ' && isASCII(s)
}

// Fold gives the form in which values of the attribute are compared for equality.
func (a *Attribute) Fold(s string) string {
	switch {
	case a.CaseExact:
		return s
	case a.isName():
		return FoldName(s)
	}
	return Fold(s)
}

// foldName is FoldName in a buffer; the result is valid until the next call.
func (b *foldBuffer) foldName(s string) []byte {
	b.visible = b.visible[:0]
	for _, char := range s {
		if !isInvisible(char) {
			b.visible = utf8.AppendRune(b.visible, char)
		}
	}
	b.composed = norm.NFKC.Append(b.composed[:0], b.visible...)
	return bytes.TrimSpace(b.foldComposed(norm.NFKC))
}

// checkName refuses a name that people or other systems would stumble over: one with
// control characters or characters that cannot be seen.
func checkName(a *Attribute, name string) error {
	previous := ' '
	for _, char := range name {
		switch {
		case unicode.IsControl(char):
			return ErrInvalidValue(a.path, fmt.Sprintf("it contains the control character %U", char))
		case isInvisible(char) && !joins(char, previous):
			return ErrInvalidValue(a.path, fmt.Sprintf("it contains %U, a character that cannot be seen", char))
		}
		previous = char
	}
	return nil
}

// IsBlank reports whether a string shows nothing: it is empty, or consists of white space,
// control characters and characters that cannot be seen.
func IsBlank(s string) bool {
	for _, char := range s {
		if !unicode.IsSpace(char) && !unicode.IsControl(char) && !isInvisible(char) {
			return false
		}
	}
	return true
}

// isNoValue reports whether a string is no value of the attribute: the empty one, and a
// blank one where values identify. Two resources whose values are blank have nothing in
// common.
func (a *Attribute) isNoValue(s string) bool {
	return s == "" || a.identifying && IsBlank(s)
}

const (
	zeroWidthNonJoiner, zeroWidthJoiner = '\u200c', '\u200d'
	textStyle, emojiStyle               = '\ufe0e', '\ufe0f'
	brailleBlank                        = '\u2800'
)

// isInvisible says whether a character has no glyph of its own. Control characters and
// blanks are another matter.
func isInvisible(char rune) bool {
	if char < 0x80 {
		return false
	}
	return unicode.Is(unicode.Cf, char) && !unicode.Is(unicode.Prepended_Concatenation_Mark, char) ||
		unicode.In(char, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		char == brailleBlank
}

// joins says whether a character that cannot be seen belongs to the one before it: the
// joiners to letters of scripts that need them and to emoji, and what says how an emoji
// is drawn. They make no difference between two names.
func joins(char, previous rune) bool {
	switch char {
	case zeroWidthNonJoiner, zeroWidthJoiner:
		return previous >= 0x80 && !unicode.IsSpace(previous) && (!isInvisible(previous) || previous == emojiStyle)
	case textStyle, emojiStyle:
		return !unicode.IsSpace(previous) && !isInvisible(previous)
	}
	return false
}
