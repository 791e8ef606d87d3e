// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// withNewer gives every object in an encoded value a field that this release does not know.
func withNewer(t *testing.T, encoded []byte) []byte {
	t.Helper()
	value, err := decodeAny(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var mark func(any)
	mark = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, below := range v {
				mark(below)
			}
			v["newer"] = map[string]any{"of": json.Number("9007199254740993")}
		case []any:
			for _, below := range v {
				mark(below)
			}
		}
	}
	mark(value)
	encoded, err = json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// After a rollback this release finds what a newer one has stored: it reads what it knows and
// keeps the rest when it writes.
func TestFieldsOfANewerReleaseAreKept(t *testing.T) {
	const newer = `"newer":{"of":9007199254740993}`
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	record := &Record{}
	for i, plaintext := range []Plaintext{"scim_1", "scim_2"} {
		issued := record.Issued(NewDigest(plaintext, now), nil, "secret", now.Add(time.Duration(i)*time.Minute))
		record = &issued
	}
	encoded, err := EncodeRecord(record)
	if err != nil {
		t.Fatal(err)
	}
	stored := withNewer(t, encoded)
	read, err := DecodeRecord(stored)
	if err != nil {
		t.Fatalf("the record of a newer release: %v", err)
	}
	if !read.Same(record) {
		t.Error("it is read as another record")
	}

	changed := read.clone()
	changed.Revoked, changed.Tokens = []string{"0123456789ab"}, changed.Tokens[:1]
	if encoded, err = EncodeRecord(&changed); err != nil {
		t.Fatal(err)
	}
	kept, err := KeepOfRecord(stored, encoded)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(kept), newer); n != 2 { // of the record, and of the token that is left
		t.Errorf("%d fields of a newer release are kept in %s", n, kept)
	}
	if again, err := DecodeRecord(kept); err != nil || !again.Same(&changed) {
		t.Errorf("what was kept is read as %v, error %v", again, err)
	}

	digests, err := EncodeDigests(record.Digests())
	if err != nil {
		t.Fatal(err)
	}
	storedDigests := withNewer(t, digests)
	if known, err := DecodeDigests(storedDigests); err != nil || len(known) != 2 {
		t.Fatalf("the digests of a newer release: %v, error %v", known, err)
	}
	if kept, err = KeepOfDigests(storedDigests, digests); err != nil || string(kept) != string(storedDigests) {
		t.Errorf("of\n%s\nis kept\n%s\nerror %v", storedDigests, kept, err)
	}
	if kept, err = KeepOfDigests([]byte("nonsense"), digests); err != nil || string(kept) != string(digests) {
		t.Errorf("over nonsense is written %s, error %v", kept, err)
	}
}
