// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"pgregory.net/rapid"

	api "scim-operator.io/api/v1alpha1"
)

func TestFieldsThatATypeDoesNotHave(t *testing.T) {
	for document, covered := range map[string]bool{
		`{}`:                                    true,
		`{"userName":"a\"}"}`:                   true,
		`{"userName":"a\\"}`:                    true,
		`{"username":"a"}`:                      false,
		`{"userName":"a","x\"y":1,"title":"t"}`: false,
		`{"user\u004eame":"a"}`:                 false,
		`{"emails":[{"value":"a"},{"type":"b","primary":true}]}`:             true,
		`{"emails":[{"value":"a"}, {"verified":{"a":[1]}, "value":"b"}] }`:   false,
		`{"enterprise":{"manager":{"value":"m"}},"title":"t"}`:               true,
		`{"enterprise":{"manager":{"since":1}},"title":"t"}`:                 false,
		`{"extensions":{"urn:x":{"any":[{"thing":1}]}},"deletedTime":"now"}`: true,
		`{"active":false,"name":null,"locale":"x"}`:                          true,
		`{"name":{},"x":[]}`:                        false,
		"{ \"title\" :\n\"t\" , \"photos\" : [ ] }": true,
	} {
		if got := userFields.cover([]byte(document)); got != covered {
			t.Errorf("%s: %v", document, got)
		}
	}
}

// Strict decoding, which takes longer, is of the same opinion.
func TestFieldsAgreeWithStrictDecoding(t *testing.T) {
	var draw func(t *rapid.T, depth int) any
	draw = func(t *rapid.T, depth int) any {
		if depth == 0 {
			return rapid.SampledFrom([]any{"a\"]}", `\`, "", "emails"}).Draw(t, "text")
		}
		o := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "names") {
			name := rapid.SampledFrom([]string{"userName", "emails", "name", "enterprise", "manager", "value", "type", "x", `"`, "{"}).Draw(t, "name")
			switch name {
			case "emails":
				o[name] = []any{draw(t, 1), map[string]any{"value": "v"}}
			case "name", "enterprise", "manager":
				o[name] = draw(t, depth-1)
				if _, isText := o[name].(string); isText {
					o[name] = map[string]any{}
				}
			default:
				o[name] = draw(t, 0)
			}
		}
		return o
	}
	codecs := strictCodecs(t)
	rapid.Check(t, func(t *rapid.T) {
		document, err := json.Marshal(map[string]any{"apiVersion": api.GroupVersion.String(), "kind": "ScimUser", "spec": draw(t, 3)})
		if err != nil {
			t.Fatal(err)
		}
		var u api.ScimUser
		_, _, err = codecs.Decode(document, nil, &u)
		if err != nil && !runtime.IsStrictDecodingError(err) {
			t.Skip("a value of another type")
		}
		notice(&u, document)
		if hasUnreadFields(&u) != (err != nil) {
			t.Fatalf("%s: strict decoding has %v", document, err)
		}
	})
}

func storeScheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return scheme
}

func strictCodecs(t testing.TB) runtime.Decoder {
	t.Helper()
	codecs := serializer.NewCodecFactory(storeScheme(t), serializer.EnableStrict)
	info, ok := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
	if !ok {
		t.Fatal("there is no JSON")
	}
	return info.StrictSerializer
}

// BenchmarkDecode measures what noticing unread fields adds to the decoding of a list.
func BenchmarkDecode(b *testing.B) {
	var list api.ScimUserList
	for i := range 1000 {
		u := storedUser(i)
		u.ManagedFields = []metav1.ManagedFieldsEntry{{
			Manager: "scim-operator", Operation: "Update", APIVersion: api.GroupVersion.String(), Time: &metav1.Time{Time: time.Unix(1, 0)}, FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{".":{},"f:scim-operator.io/endpoint":{}}},"f:spec":{".":{},"f:active":{},"f:emails":{},"f:enterprise":{".":{},"f:department":{}},"f:userName":{}}}`),
		}}
		list.Items = append(list.Items, *u)
	}
	list.APIVersion, list.Kind = api.GroupVersion.String(), "ScimUserList"
	document, err := json.Marshal(&list)
	if err != nil {
		b.Fatal(err)
	}
	codecs := serializer.NewCodecFactory(storeScheme(b)).WithoutConversion()
	info, _ := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
	plain := codecs.DecoderToVersion(info.Serializer, api.GroupVersion)
	noticing := noticingCodecs{codecs}.DecoderToVersion(info.Serializer, api.GroupVersion)
	for _, row := range []struct {
		name    string
		decoder runtime.Decoder
	}{{"plain", plain}, {"noticing", noticing}, {"strict", strictCodecs(b)}} {
		b.Run(fmt.Sprintf("%s/users=%d", row.name, len(list.Items)), func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				if _, _, err := row.decoder.Decode(document, nil, &api.ScimUserList{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
