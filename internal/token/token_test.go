// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
)

var (
	zeroes = string(assemble([randomBytes]byte{}))
	ones   = string(assemble([randomBytes]byte(bytes.Repeat([]byte{0xff}, randomBytes))))
)

func TestGenerate(t *testing.T) {
	seen := make(map[Plaintext]bool)
	scanner := regexp.MustCompile(`^` + Pattern + `$`)
	for range 1000 {
		token, err := Generate()
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(string(token)); err != nil {
			t.Fatalf("a token that was just generated: %v", err)
		}
		if !scanner.MatchString(string(token)) {
			t.Fatal("a secret scanner does not find a token by the pattern")
		}
		if seen[token] {
			t.Fatal("the same token was generated twice")
		}
		seen[token] = true
	}
}

// The form of a token is public: what was issued must stay valid.
func TestTokensKeepTheirForm(t *testing.T) {
	for name, row := range map[string]struct{ got, want string }{
		"256 zero bits": {zeroes, "scimop_" + strings.Repeat("0", 43) + checksum(strings.Repeat("0", 43))},
		"256 one bits":  {ones, ones},
	} {
		if row.got != row.want || len(row.got) != 56 {
			t.Errorf("%s: %d characters that are not the expected ones", name, len(row.got))
		}
		if err := Check(row.got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	flipped := func(i int) string {
		b := []byte(zeroes)
		b[i] = 'Z'
		return string(b)
	}
	for _, row := range []struct {
		name, token string
		want        error
	}{
		{"a token", zeroes, nil},
		{"another token", ones, nil},
		{"nothing", "", ErrPrefix},
		{"another product's token", "ghp_" + zeroes[7:], ErrPrefix},
		{"the prefix in another case", "SCIMOP_" + zeroes[7:], ErrPrefix},
		{"a blank in front", " " + zeroes, ErrPrefix},
		{"only the prefix", Prefix, ErrLength},
		{"one character lost", zeroes[:len(zeroes)-1], ErrLength},
		{"a line break at the end", zeroes + "\n", ErrLength},
		{"a sign that no token has", strings.Replace(zeroes, "0", "-", 1), ErrAlphabet},
		{"a letter that is not ASCII", strings.Replace(zeroes, "00", "é", 1), ErrAlphabet},
		{"bytes that are no text", strings.Replace(zeroes, "0", "\xff", 1), ErrAlphabet},
		{"the first digit mistyped", flipped(len(Prefix)), ErrChecksum},
		{"the last digit mistyped", flipped(len(zeroes) - 1), ErrChecksum},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := Check(row.token); !errors.Is(err, row.want) {
				t.Errorf("got the error %v, not %v", err, row.want)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(zeroes)
	f.Add(ones)
	f.Add("")
	scanner := regexp.MustCompile(`^` + Pattern + `$`)
	f.Fuzz(func(t *testing.T, s string) {
		err := Check(s)
		if err == nil && !scanner.MatchString(s) {
			t.Errorf("%q is a token that no scanner finds", s)
		}
		if err != nil && len(s) > 8 && strings.Contains(err.Error(), s) {
			t.Errorf("%v quotes what was checked", err)
		}
	})
}

func TestPlaintextIsNeverPrinted(t *testing.T) {
	token := Plaintext(ones)
	holder := struct{ Token Plaintext }{token}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("issued", "token", token, "holder", holder)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("issued", "token", token, "holder", holder)
	funcr.NewJSON(func(line string) { logged.WriteString(line) }, funcr.Options{}).Info("issued", "token", token, "holder", holder)
	encoded, err := json.Marshal([]any{token, &token, holder, map[string]Plaintext{"token": token}})
	if err != nil {
		t.Fatal(err)
	}
	for name, printed := range map[string]string{
		"verbs":         fmt.Sprintf("%s %v %+v %#v %q %x %X %d", token, token, token, token, token, token, token, token),
		"a field":       fmt.Sprintf("%v %+v %#v %x", holder, holder, holder, holder),
		"a pointer":     fmt.Sprintf("%v %+v", &holder, &token),
		"an error":      fmt.Errorf("issuing %v: %w", token, ErrPrefix).Error(),
		"a String call": token.String() + token.GoString(),
		"JSON":          string(encoded),
		"logs":          logged.String(),
	} {
		secret := ones[len(Prefix):]
		if strings.Contains(printed, secret) || strings.Contains(strings.ToLower(printed), fmt.Sprintf("%x", secret)) {
			t.Errorf("%s give the token away: %s", name, printed)
		}
		if !strings.Contains(printed, redacted) {
			t.Errorf("%s do not show that something is left out: %s", name, printed)
		}
	}
}
