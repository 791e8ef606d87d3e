// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// random is text that looks random and is the same in every run.
func random(encode func([]byte) string, seed, length int) string {
	var text string
	for i := 0; len(text) < length; i++ {
		sum := sha256.Sum256(fmt.Append(nil, seed, i))
		text += encode(sum[:])
	}
	return text[:length]
}

func TestCheckBrought(t *testing.T) {
	base64url := base64.RawURLEncoding.EncodeToString
	good := random(base64url, 1, 43)
	for _, row := range []struct {
		name, token string
		want        error
	}{
		{"one of the operator's", ones[:7] + random(base64url, 2, 49), nil},
		{"32 random letters and digits", random(base64url, 3, 32), nil},
		{"32 random bytes in hexadecimal", random(hex.EncodeToString, 4, 64), nil},
		{"1024 characters", random(base64url, 5, 1024), nil},
		{"with signs", good + "!~\"", nil},
		{"nothing", "", ErrWeak},
		{"31 characters", random(base64url, 6, 31), ErrWeak},
		{"1025 characters", random(base64url, 7, 1025), ErrWeak},
		{"a line break at the end", good + "\n", ErrWeak},
		{"a blank", good[:20] + " " + good[20:], ErrWeak},
		{"a letter that is not ASCII", good + "é", ErrWeak},
		{"bytes that are no text", good + "\xff", ErrWeak},
		{"one character again and again", strings.Repeat("x", 64), ErrWeak},
		{"a word again and again", strings.Repeat("Password1!", 20), ErrWeak},
		{"the alphabet", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", ErrWeak},
		{"the alphabet backwards", "zyxwvutsrqponmlkjihgfedcba9876543210", ErrWeak},
		{"counting", "1000100110021003100410051006100710081009", ErrWeak},
		{"a hundred digits of 0 and 1", strings.Repeat("01", 50), ErrWeak},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := CheckBrought(row.token); !errors.Is(err, row.want) {
				t.Errorf("it is worth %.0f bits, and the error is %v", Strength(row.token), err)
			}
		})
	}
}

// Random tokens are never refused for being unlucky.
func TestRandomTokensAreStrong(t *testing.T) {
	for seed := range 2000 {
		for name, text := range map[string]string{
			"32 letters and digits": random(base64.RawURLEncoding.EncodeToString, seed, 32),
			"64 hexadecimal digits": random(hex.EncodeToString, seed, 64),
		} {
			if bits := Strength(text); bits < minBits {
				t.Errorf("%s, seed %d: %.0f bits", name, seed, bits)
			}
		}
	}
}

func FuzzCheckBrought(f *testing.F) {
	f.Add(ones)
	f.Add("")
	f.Add("\xff\n")
	f.Fuzz(func(t *testing.T, s string) {
		err := CheckBrought(s)
		if bits := Strength(s); bits < 0 || bits > maxPerCharacter*float64(len(s)) {
			t.Errorf("%q is worth %f bits", s, bits)
		}
		if err == nil && (len(s) < minBrought || strings.ContainsAny(s, " \n\t")) {
			t.Errorf("%q is accepted", s)
		}
	})
}
