// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"iter"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Resources of the types that an endpoint declares. Each is a ScimResource, which holds
// the attributes by name; of what the declaration does not know (any more), or cannot
// read, a write keeps what there is.

// resourceAttributes are those of a declared type that conversion reads and writes.
type resourceAttributes struct {
	commonAttributes
	custom []customAttribute // all others, in the order of the schema, and the extensions
}

func (s *Store) newDeclaredKind(rt *scim.ResourceType) (*kind, error) {
	f := &finder{rt: rt}
	a := &resourceAttributes{commonAttributes: f.common()}
	if err := f.err(); err != nil {
		return nil, err
	}
	k := &kind{
		rt: rt, resource: declaredResource, selector: "spec.resourceType=" + rt.Name,
		lookups:  []indexed{{"id", byID}, {"externalId", byExternal}},
		declared: a, ordinal: len(s.index.declared), shelf: newShelf(),
		newObject: func() object { return &api.ScimResource{} },
		newList:   func() runtime.Object { return &api.ScimResourceList{} },
	}
	for _, schema := range rt.Schema.Attributes {
		k.addAttribute(rt.Attribute(schema.Name))
	}
	a.custom = append(a.custom, f.custom()...)
	k.shows = []*kind{k}
	s.index.declare(k.shelf)
	return k, nil
}

func (k *kind) addAttribute(attr *scim.Attribute) {
	k.declared.custom = append(k.declared.custom, customAttribute{name: attr.Name, attr: attr})
	if attr.Uniqueness == scim.UniquenessNone {
		return
	}
	u := &unique{
		kind: k, attr: attr, claimed: api.ClaimedAttribute(k.rt.Name + "." + attr.Name),
		stored: func(o object) string { return storedText(o, attr) },
	}
	k.unique = append(k.unique, u)
	k.lookups = append(k.lookups, indexed{attr.Path(), func(l *listing, value string) iter.Seq[*entry] {
		return l.table.having(u, u.key(value))
	}})
}

// storedText reads a text out of a ScimResource as it is stored, as resourceEntry does.
func storedText(o object, attr *scim.Attribute) string {
	r, ok := o.(*api.ScimResource)
	if !ok {
		return ""
	}
	text, _ := attr.DecodeStored(r.Spec.Attributes[attr.Name].Raw).Value.(string)
	return text
}

// resourceEntry reads a stored resource.
func (s *Store) resourceEntry(k *kind, r *api.ScimResource) (*entry, error) {
	e, err := s.newEntry(r, r.Spec.LastModifiedTime)
	if err != nil {
		return nil, err
	}
	a := k.declared
	b := scim.NewBuilder(4 + len(r.Spec.Attributes))
	b.SetText(a.id, e.id)
	b.SetText(a.externalID, r.Spec.ExternalID)
	e.buildCustom(b, a.custom, r.Spec.Attributes)
	a.buildMeta(b, e, k.rt.Name, s.location(k, e.id))
	e.pack(k.rt, &a.commonAttributes, nil, b.Object())
	for _, u := range k.unique {
		if key := u.had(e); key != "" {
			e.values = append(e.values, u.hash(key))
		}
	}
	return e, nil
}

// resourceObject is the custom resource that a write sends. The error is 413 when it is too
// large.
func (s *Store) resourceObject(k *kind, m metav1.ObjectMeta, o *scim.Object) (*api.ScimResource, error) {
	r := &api.ScimResource{ObjectMeta: m, Spec: k.declaredSpec(o)}
	r.Spec.EndpointRef.Name, r.Spec.ResourceType = s.endpoint, k.rt.Name
	return r, checkResourceSize(r)
}

// declaredSpec returns the part of a resource's spec that holds the attributes.
func (k *kind) declaredSpec(o *scim.Object) api.ScimResourceSpec {
	return api.ScimResourceSpec{ExternalID: o.Text(k.declared.externalID), Attributes: customOf(o, k.declared.custom)}
}

// checkResourceSize refuses a resource with more attributes than are stored: 413.
func checkResourceSize(r *api.ScimResource) error {
	bytes := 0
	for name, value := range r.Spec.Attributes {
		bytes += len(name) + len(value.Raw)
	}
	if bytes > api.MaxResourceBytes {
		return scim.NewError(http.StatusRequestEntityTooLarge, "",
			fmt.Sprintf("the resource takes %d bytes; at most %d are stored", bytes, api.MaxResourceBytes))
	}
	return nil
}

// hash is that of a key in the index of values, which is one for all attributes.
func (u *unique) hash(key string) uint64 { return hashOf(string(u.claimed) + "\x00" + key) }

// having gives the entries that seem to have a value of a unique attribute. There may be
// several: for a moment, or because the attribute was not always declared unique.
func (t *table) having(u *unique, key string) iter.Seq[*entry] {
	return hashed(&t.byValue, u.hash(key), func(e *entry) bool { return u.had(e) == key })
}
