// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"bytes"
	"errors"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Comparing without case a string with one that is folded already. ASCII is
// compared in place; for anything wider the string is folded in a buffer that is
// used again, so that filtering allocates nothing.

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func equalFolded(s, folded string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return withFolded(s, func(b []byte) bool { return string(b) == folded })
		}
		if i < len(folded) && lower(s[i]) == folded[i] {
			continue
		}
		// A combining mark may follow that makes one character of the two.
		if i+1 < len(s) && s[i+1] >= 0x80 {
			continue
		}
		return false
	}
	return len(s) == len(folded)
}

func compareFolded(s, folded string) int {
	if !isASCII(s) {
		return foldedOrder(s, folded)
	}
	for i := range min(len(s), len(folded)) {
		if c := lower(s[i]); c != folded[i] {
			return int(c) - int(folded[i])
		}
	}
	return len(s) - len(folded)
}

func foldedOrder(s, folded string) int {
	b := foldBuffers.Get().(*foldBuffer)
	defer foldBuffers.Put(b)
	b.needle = append(b.needle[:0], folded...)
	return bytes.Compare(b.fold(s), b.needle)
}

func prefixFolded(s, folded string) bool {
	if !isASCII(s) {
		return withFolded(s, func(b []byte) bool { return len(b) >= len(folded) && string(b[:len(folded)]) == folded })
	}
	return len(s) >= len(folded) && equalFolded(s[:len(folded)], folded)
}

func suffixFolded(s, folded string) bool {
	if !isASCII(s) {
		return withFolded(s, func(b []byte) bool { return len(b) >= len(folded) && string(b[len(b)-len(folded):]) == folded })
	}
	return len(s) >= len(folded) && equalFolded(s[len(s)-len(folded):], folded)
}

func containsFolded(s, folded string) bool {
	if !isASCII(s) {
		return containsWide(s, folded)
	}
	if folded == "" {
		return true
	}
	for i := 0; i+len(folded) <= len(s); i++ {
		if lower(s[i]) == folded[0] && equalFolded(s[i:i+len(folded)], folded) {
			return true
		}
	}
	return false
}

func containsWide(s, folded string) bool {
	b := foldBuffers.Get().(*foldBuffer)
	defer foldBuffers.Put(b)
	b.needle = append(b.needle[:0], folded...)
	return bytes.Contains(b.fold(s), b.needle)
}

func withFolded(s string, test func([]byte) bool) bool {
	b := foldBuffers.Get().(*foldBuffer)
	defer foldBuffers.Put(b)
	return test(b.fold(s))
}

var foldBuffers = sync.Pool{New: func() any { return &foldBuffer{caser: cases.Fold()} }}

type foldBuffer struct {
	caser                   cases.Caser
	visible                 []byte // of a name, what can be seen
	composed, folded, final []byte
	needle                  []byte
}

// fold is Fold in a buffer; the result is valid until the next call.
func (b *foldBuffer) fold(s string) []byte {
	b.composed = norm.NFC.AppendString(b.composed[:0], s)
	return b.foldComposed(norm.NFC)
}

// foldComposed folds the case of what is in a normal form, and brings it back into it.
func (b *foldBuffer) foldComposed(form norm.Form) []byte {
	if cap(b.folded) == 0 {
		b.folded = make([]byte, 256)
	}
	for {
		b.folded = b.folded[:cap(b.folded)]
		b.caser.Reset()
		n, _, err := b.caser.Transform(b.folded, b.composed, true)
		if errors.Is(err, transform.ErrShortDst) {
			b.folded = make([]byte, 2*cap(b.folded))
			continue
		}
		foldCherokee(b.folded[:n])
		b.final = form.Append(b.final[:0], b.folded[:n]...)
		return b.final
	}
}

// foldCherokee puts right what cases.Fold does to Cherokee, the one script whose
// small letters fold to capitals (Unicode §5.18): it swaps the two. Both take
// three bytes, so that the letters are changed in place.
func foldCherokee(b []byte) {
	for i := 0; i+2 < len(b); i++ {
		if b[i] != 0xEA && b[i] != 0xE1 {
			continue
		}
		switch char, _ := utf8.DecodeRune(b[i:]); {
		case 0xAB70 <= char && char <= 0xABBF:
			utf8.EncodeRune(b[i:], char-0xAB70+0x13A0)
		case 0x13F8 <= char && char <= 0x13FD:
			utf8.EncodeRune(b[i:], char-8)
		}
	}
}

func foldWide(s string) string {
	b := foldBuffers.Get().(*foldBuffer)
	defer foldBuffers.Put(b)
	return string(b.fold(s))
}
