// SPDX-License-Identifier: Apache-2.0

package store

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	api "scim-operator.io/api/v1alpha1"
)

// What this process does not know of a stored object survives its writes. The kinds may
// have fields of a newer release, and extensions may have been stored with other
// definitions than those that are served. An object is partial when this process reads
// less of it than is stored. A write of such an object reads it once more, as JSON, and
// changes in it only what the write is about (overlay.go). Of any other object a write sends
// only what it changes (patch.go), because a watch may lack a field that a kind has just got.

// specFields are those of the kinds whose objects are read and then written again.
var (
	userFields     = fieldsOf(reflect.TypeFor[api.ScimUserSpec]())
	groupFields    = fieldsOf(reflect.TypeFor[api.ScimGroupSpec]())
	declaredFields = fieldsOf(reflect.TypeFor[api.ScimResourceSpec]())
	sliceFields    = fieldsOf(reflect.TypeFor[api.ScimGroupSliceSpec]())
)

// unreadFields takes the place of managedFields, of which the store makes no use, in an
// object whose spec has names that the Go type has no field for.
var unreadFields = []metav1.ManagedFieldsEntry{{Manager: "unread fields"}}

func hasUnreadFields(o metav1.Object) bool {
	m := o.GetManagedFields()
	return len(m) == 1 && m[0].Manager == unreadFields[0].Manager
}

// noticingCodecs decode as other codecs do, and mark objects with unread fields.
type noticingCodecs struct{ runtime.NegotiatedSerializer }

// DecoderToVersion makes the decoder of answers and of watches.
func (c noticingCodecs) DecoderToVersion(d runtime.Decoder, v runtime.GroupVersioner) runtime.Decoder {
	return noticingDecoder{c.NegotiatedSerializer.DecoderToVersion(d, v)}
}

type noticingDecoder struct{ runtime.Decoder }

// Decode decodes an object or a list.
func (d noticingDecoder) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	o, kind, err := d.Decoder.Decode(data, defaults, into)
	if err == nil {
		notice(o, data)
	}
	return o, kind, err
}

// notice marks what has been decoded from a document.
func notice(o runtime.Object, document []byte) {
	s := &jsonScanner{data: document}
	switch o := o.(type) {
	case *api.ScimUser:
		s.notice(o, userFields)
	case *api.ScimGroup:
		s.notice(o, groupFields)
	case *api.ScimResource:
		s.notice(o, declaredFields)
	case *api.ScimGroupSlice:
		s.notice(o, sliceFields)
	case *api.ScimUserList:
		s.noticeEach(len(o.Items), userFields, func(i int) metav1.Object { return &o.Items[i] })
	case *api.ScimGroupList:
		s.noticeEach(len(o.Items), groupFields, func(i int) metav1.Object { return &o.Items[i] })
	case *api.ScimResourceList:
		s.noticeEach(len(o.Items), declaredFields, func(i int) metav1.Object { return &o.Items[i] })
	case *api.ScimGroupSliceList:
		s.noticeEach(len(o.Items), sliceFields, func(i int) metav1.Object { return &o.Items[i] })
	}
}

func (s *jsonScanner) noticeEach(count int, f fields, item func(int) metav1.Object) {
	s.members(func(name string) {
		if name != "items" || s.next() != '[' {
			s.skip()
			return
		}
		i := 0
		s.each(func([]byte) {
			if i == count {
				s.skip()
				return
			}
			s.notice(item(i), f)
			i++
		})
	})
}

func (s *jsonScanner) notice(o metav1.Object, f fields) {
	covered := true
	s.members(func(name string) {
		if name == "spec" {
			covered = s.covered(f)
		} else {
			s.skip()
		}
	})
	o.SetManagedFields(nil)
	if !covered {
		o.SetManagedFields(unreadFields)
	}
}
