// SPDX-License-Identifier: Apache-2.0

package store

import (
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"scim-operator.io/internal/scim"
)

// Times on the wire: creation is known to the second, changes to the microsecond.
const (
	createdFormat  = "2006-01-02T15:04:05Z"
	modifiedFormat = "2006-01-02T15:04:05.000000Z"
)

// buildMeta sets `meta` (RFC 7643 §3.1): lastModified "MUST be the same value as" created
// as long as nothing was changed.
func (a *commonAttributes) buildMeta(b *scim.Builder, e *entry, typeName, location string) {
	m := scim.NewBuilder(5)
	m.SetText(a.resourceType, typeName)
	created := time.Unix(e.created, 0).UTC()
	m.SetText(a.created, created.Format(createdFormat))
	if modified := time.UnixMicro(e.modified).UTC(); modified.Equal(created) {
		m.SetText(a.lastModified, created.Format(createdFormat))
	} else {
		m.SetText(a.lastModified, modified.Format(modifiedFormat))
	}
	m.SetText(a.location, location)
	m.SetText(a.version, VersionOf(e.generation, nil))
	b.Set(a.meta, m.Object())
}

// customAttribute is one that the specs have no field for, stored as JSON under its name:
// an extension's attributes under its URN, or an attribute of a declared resource type.
type customAttribute struct {
	name string
	attr *scim.Attribute
}

// buildCustom sets custom attributes as far as they can be read.
func (e *entry) buildCustom(b *scim.Builder, known []customAttribute, stored map[string]apiextensionsv1.JSON) {
	if len(stored) == 0 {
		return
	}
	left := len(stored)
	for _, a := range known {
		document, ok := stored[a.name]
		if !ok {
			continue
		}
		left--
		read := a.attr.DecodeStored(document.Raw)
		if hasValue(read.Value) {
			b.Set(a.attr, read.Value)
		}
		if !read.Exact {
			e.setPartial()
		}
		if read.Unreadable != nil && e.extra.unreadable == nil {
			e.extra.unreadable = read.Unreadable
		}
	}
	if left > 0 {
		e.setPartial()
	}
}

// customOf is the way back.
func customOf(o *scim.Object, known []customAttribute) map[string]apiextensionsv1.JSON {
	var custom map[string]apiextensionsv1.JSON
	for _, a := range known {
		value := o.Get(a.attr)
		if !hasValue(value) {
			continue
		}
		if custom == nil {
			custom = make(map[string]apiextensionsv1.JSON)
		}
		custom[a.name] = apiextensionsv1.JSON{Raw: scim.AppendValue(nil, value)}
	}
	return custom
}

// hasValue says whether a value is one: not null, nor an empty text, object or list
// (RFC 7643 §2.5).
func hasValue(v scim.Value) bool {
	switch v := v.(type) {
	case *scim.Object:
		return v.Len() > 0
	case scim.List:
		return len(v) > 0
	}
	return v != nil && v != ""
}
