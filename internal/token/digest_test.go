// SPDX-License-Identifier: Apache-2.0

package token

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var issued = time.Date(2026, 1, 2, 4, 4, 5, 678, time.FixedZone("CET", 3600))

func TestNewDigest(t *testing.T) {
	// printf %s abc | sha256sum
	want := Digest{
		ID:          "ba7816bf8f01",
		SHA256:      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		CreatedTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if diff := cmp.Diff(want, NewDigest("abc", issued)); diff != "" {
		t.Errorf("digest (-want +got):\n%s", diff)
	}
}

func TestDigestsSurviveEncoding(t *testing.T) {
	for _, digests := range [][]Digest{
		{},
		{NewDigest(Plaintext(zeroes), issued)},
		{NewDigest(Plaintext(zeroes), issued), NewDigest(Plaintext(ones), issued.Add(time.Hour))},
	} {
		encoded, err := EncodeDigests(digests)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := DecodeDigests(encoded)
		if err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		if diff := cmp.Diff(digests, decoded); diff != "" {
			t.Errorf("after decoding (-want +got):\n%s", diff)
		}
		if again, _ := EncodeDigests(decoded); string(again) != string(encoded) {
			t.Errorf("%s becomes %s", encoded, again)
		}
	}
}

func TestDigestsHaveOneForm(t *testing.T) {
	encoded, err := EncodeDigests([]Digest{NewDigest("abc", issued)})
	const want = `[{"id":"ba7816bf8f01","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","createdTime":"2026-01-02T03:04:05Z"}]`
	if err != nil || string(encoded) != want {
		t.Errorf("got %s and %v", encoded, err)
	}
	ending := NewDigest("abc", issued)
	ending.ExpiresTime = ending.CreatedTime.Add(time.Hour)
	encoded, err = EncodeDigests([]Digest{ending})
	if want := strings.TrimSuffix(want, "}]") + `,"expiresTime":"2026-01-02T04:04:05Z"}]`; err != nil || string(encoded) != want {
		t.Errorf("got %s and %v", encoded, err)
	}
	if encoded, err := EncodeDigests(nil); err != nil || string(encoded) != "[]" {
		t.Errorf("no digests become %s and %v", encoded, err)
	}
}

func TestDecodeDigestsRefuses(t *testing.T) {
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	entry := func(id, sum, created string) string {
		return fmt.Sprintf(`{"id":%q,"sha256":%q,"createdTime":%q}`, id, sum, created)
	}
	const created = "2026-01-02T03:04:05Z"
	good := entry(sum[:12], sum, created)
	many := make([]string, MaxDigests+1)
	for i := range many {
		d := NewDigest(Plaintext(fmt.Sprint(i)), issued)
		many[i] = entry(d.ID, d.SHA256, created)
	}
	for _, row := range []struct{ name, encoded, want string }{
		{"nothing", "", "cannot be read"},
		{"an object", good, "cannot be read"},
		{"half a list", "[" + good, "cannot be read"},
		{"two lists", "[" + good + "][]", "something follows"},
		{"no digest", "[{}]", "sha256 is not 64"},
		{"a short digest", "[" + entry(sum[:12], sum[:62], created) + "]", "sha256 is not 64"},
		{"a digest in upper case", "[" + entry(sum[:12], strings.ToUpper(sum), created) + "]", "sha256 is not 64"},
		{"a digest that is not hexadecimal", "[" + entry(sum[:12], strings.Repeat("xy", 32), created) + "]", "sha256 is not 64"},
		{"another id", "[" + entry("000000000000", sum, created) + "]", "id is not the first 12"},
		{"no time", "[" + entry(sum[:12], sum, "0001-01-01T00:00:00Z") + "]", "createdTime is missing"},
		{"a time that is none", "[" + entry(sum[:12], sum, "yesterday") + "]", "cannot be read"},
		{"the same twice", "[" + good + "," + good + "]", "there twice"},
		{"too many", "[" + strings.Join(many, ",") + "]", "at most 16 are allowed"},
		{"too long", "[" + strings.Repeat(" ", maxEncoded) + "]", "at most 8192 are read"},
	} {
		t.Run(row.name, func(t *testing.T) {
			digests, err := DecodeDigests([]byte(row.encoded))
			if err == nil {
				t.Fatalf("it was read: %v", digests)
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("%q does not say %q", err, row.want)
			}
		})
	}
}

func TestEncodeDigestsRefusesWhatCannotBeDecoded(t *testing.T) {
	digest := NewDigest("abc", issued)
	for name, digests := range map[string][]Digest{
		"an empty digest": {{}},
		"the same twice":  {digest, digest},
		"too many":        make([]Digest, MaxDigests+1),
	} {
		if encoded, err := EncodeDigests(digests); err == nil {
			t.Errorf("%s was encoded: %s", name, encoded)
		}
	}
}

func TestAsManyDigestsAsAllowedFit(t *testing.T) {
	var digests []Digest
	for i := range MaxDigests {
		digests = append(digests, NewDigest(Plaintext(fmt.Sprint(i)), issued))
	}
	encoded, err := EncodeDigests(digests)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeDigests(encoded); err != nil {
		t.Error(err)
	}
}

func FuzzDecodeDigests(f *testing.F) {
	encoded, err := EncodeDigests([]Digest{NewDigest("abc", issued), NewDigest("def", issued)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Add([]byte("[]"))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		digests, err := DecodeDigests(encoded)
		if err != nil {
			return
		}
		again, err := EncodeDigests(digests)
		if err != nil {
			t.Fatalf("%s was decoded and cannot be encoded: %v", encoded, err)
		}
		if _, err := DecodeDigests(again); err != nil {
			t.Fatalf("%s was encoded and cannot be decoded: %v", again, err)
		}
	})
}
