// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// KeepOfRecord returns an encoded record with the fields of the one that it replaces which
// this release does not know, so that a release that does finds them after a rollback. Those of
// a token that is no longer there go with it.
func KeepOfRecord(before, after []byte) ([]byte, error) {
	return keepUnknown(reflect.TypeFor[Record](), before, after)
}

// KeepOfDigests does as KeepOfRecord with the encoded digests.
func KeepOfDigests(before, after []byte) ([]byte, error) {
	return keepUnknown(reflect.TypeFor[[]Digest](), before, after)
}

func keepUnknown(known reflect.Type, before, after []byte) ([]byte, error) {
	old, err := decodeAny(before)
	if err != nil {
		return after, nil //nolint:nilerr // what cannot be read is replaced
	}
	next, err := decodeAny(after)
	if err != nil {
		return nil, err
	}
	if !overlay(known, old, next) {
		return after, nil
	}
	return json.Marshal(next)
}

func decodeAny(encoded []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	return value, decoder.Decode(&value)
}

// overlay adds to next what old has that the type does not know. It reports whether there was
// any. Elements of lists belong together that have the same id.
func overlay(known reflect.Type, old, next any) (added bool) {
	switch next := next.(type) {
	case map[string]any:
		old, ok := old.(map[string]any)
		if !ok || known.Kind() != reflect.Struct {
			return false
		}
		fields := fieldsOf(known)
		for name, value := range old {
			field, ok := fields[strings.ToLower(name)]
			if !ok {
				next[name] = value
				added = true
			} else if overlay(field, value, next[name]) {
				added = true
			}
		}
	case []any:
		old, ok := old.([]any)
		if !ok || known.Kind() != reflect.Slice {
			return false
		}
		for _, element := range next {
			for _, candidate := range old {
				if id := idOf(element); id != "" && id == idOf(candidate) && overlay(known.Elem(), candidate, element) {
					added = true
				}
			}
		}
	}
	return added
}

func idOf(element any) string {
	object, _ := element.(map[string]any)
	id, _ := object["id"].(string)
	return id
}

// fieldsOf are the types of the fields of a struct by their names in JSON, which are read in
// whatever case.
func fieldsOf(of reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(of) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			fields[strings.ToLower(name)] = f.Type
		}
	}
	return fields
}
