// SPDX-License-Identifier: Apache-2.0

package token

import (
	"errors"
	"math"
	"strings"
)

const (
	minBrought = 32
	maxBrought = 1024
	// minBits is what a token must be worth at least, by Strength.
	minBits = 128
)

// maxPerCharacter is the number of bits of a character that is one of all printable ones.
var maxPerCharacter = math.Log2('~' - ' ')

// ErrWeak does not say what is wrong: it is shown to people who may not see the token.
var ErrWeak = errors.New("a token has 32 to 1024 printable ASCII characters, no blank or line break among them, and is random enough that 128 bits would have to be guessed")

// CheckBrought says whether a token that somebody else has made is good enough.
func CheckBrought(s string) error {
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(s) < minBrought || len(s) > maxBrought || strings.ContainsFunc(s, odd) || Strength(s) < minBits {
		return ErrWeak
	}
	return nil
}

// Strength estimates the bits that somebody has to guess who knows what the characters
// are, but not their order: how many different ones there are and how evenly, or how
// different the steps from one to the next, whichever is less, and never more than printable
// characters can hold. A part that repeats an
// earlier one counts as a single character. It can be fooled by what looks random and is
// not, as a digest of a word does; random text of 32 letters and digits passes, and of
// hexadecimal digits 40.
func Strength(s string) float64 {
	steps := make([]byte, 0, len(s))
	for i := 1; i < len(s); i++ {
		steps = append(steps, s[i]-s[i-1])
	}
	return min(perCharacter([]byte(s)), perCharacter(steps), maxPerCharacter) * float64(withoutRepeats(s))
}

// perCharacter is Shannon's entropy of the characters' frequencies, with the correction
// of Miller and Madow for what a text is too short to show.
func perCharacter(s []byte) (bits float64) {
	var counts [256]int
	for _, c := range s {
		counts[c]++
	}
	different := 0
	for _, n := range counts {
		if n > 0 {
			different++
			share := float64(n) / float64(len(s))
			bits -= share * math.Log2(share)
		}
	}
	if different < 2 {
		return 0
	}
	return bits + float64(different-1)/(2*math.Ln2*float64(len(s)))
}

// withoutRepeats is the length when each part of three characters or more that was there
// before counts as one.
func withoutRepeats(s string) (length int) {
	const part = 3
	for i := 0; i < len(s); length++ {
		n := part
		if i+n > len(s) || !strings.Contains(s[:i], s[i:i+n]) {
			i++
			continue
		}
		for i+n < len(s) && strings.Contains(s[:i], s[i:i+n+1]) {
			n++
		}
		i += n
	}
	return length
}
