// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// draft is a write of a resource: the next version as far as this process knows it, and
// what that is about.
type draft struct {
	object  object
	base    *entry
	next    *scim.Object // what base.object() becomes
	members bool         // the members of a group change
	surplus surplus      // of the members of a group
}

// document is the JSON of a custom resource as it is stored.
type document = unstructured.Unstructured

// kindNames are the Kubernetes kinds of what is written as a document.
var kindNames = map[resource]string{
	usersResource: "ScimUser", groupsResource: "ScimGroup", declaredResource: "ScimResource",
	slicesResource: "ScimGroupSlice", claimsResource: "ScimClaim",
}

// stored reads the version of a resource that an entry was made from, as JSON. The error
// is a conflict when there is another version by now.
func (s *Store) stored(ctx context.Context, r resource, id, revision string) (*document, error) {
	d := &document{}
	if err := s.client.get(ctx, r, id, d); err != nil {
		return nil, err
	}
	if d.GetResourceVersion() != revision {
		return nil, apierrors.NewConflict(api.Resource(string(r)), id, errors.New("the object has been modified"))
	}
	d.SetGroupVersionKind(api.SchemeGroupVersion.WithKind(kindNames[r]))
	return d, nil
}

// overlay makes the next version of a resource by changing in the stored JSON what the
// draft is about. It returns the same once more, as far as this process knows it.
func (s *Store) overlay(ctx context.Context, k *kind, d draft) (from, sent object, err error) {
	stored, err := s.stored(ctx, k.resource, d.object.GetName(), d.object.GetResourceVersion())
	if err != nil {
		return nil, nil, err
	}
	stored.SetLabels(d.object.GetLabels())
	stored.SetAnnotations(d.object.GetAnnotations())
	stored.SetFinalizers(d.object.GetFinalizers())
	stored.SetManagedFields(nil)
	next, err := documentOf(d.object)
	if err != nil {
		return nil, nil, err
	}
	o := &specOverlay{
		spec: objectIn(stored.Object, "spec"), typed: objectIn(next.Object, "spec"),
		base: d.base.object(), next: d.next,
	}
	switch k {
	case s.users:
		o.overlayUser(s.userAttributes)
	case s.groups:
		o.attribute(o.spec, "displayName", s.groupAttributes.displayName)
		o.attribute(o.spec, "externalId", s.groupAttributes.externalID)
		o.attributesIn("extensions", s.groupAttributes.custom)
		o.own("memberCount", "members", "slices")
		d.surplus.addTo(o.spec)
	default:
		o.attribute(o.spec, "externalId", k.declared.externalID)
		o.attributesIn("attributes", k.declared.custom)
	}
	o.own("lastModifiedTime")
	if o.err != nil {
		return nil, nil, o.err
	}
	if sent, err = decodeDocument(stored, k.newObject()); err != nil {
		return nil, nil, err
	}
	if r, ok := sent.(*api.ScimResource); ok {
		err = checkResourceSize(r)
	}
	return stored, sent, err
}

// specOverlay changes the stored JSON of a spec in place.
type specOverlay struct {
	spec       map[string]any
	typed      map[string]any // what this process would store by itself
	base, next *scim.Object
	err        error
}

func (o *specOverlay) overlayUser(a *userAttributes) {
	// In a spec the sub-attributes of these extensions have other names.
	rename := func(manager, organizations [2]string) {
		if enterprise, ok := o.spec["enterprise"].(map[string]any); ok {
			renameKey(enterprise["manager"], manager)
		}
		renameKey(o.spec["account"], organizations)
	}
	rename([2]string{"ref", "$ref"}, [2]string{"organizationIds", "organizationId"})
	for _, f := range a.stored {
		o.attribute(o.spec, f.name, f.attr)
	}
	rename([2]string{"$ref", "ref"}, [2]string{"organizationId", "organizationIds"})
	o.attributesIn("extensions", a.custom)
	o.own("deletedTime", "adoptedTime", "returnedTime")
	ref := objectIn(o.spec, "endpointRef")
	ref["name"] = objectIn(o.typed, "endpointRef")["name"]
	o.spec["endpointRef"] = ref
}

func renameKey(in any, names [2]string) {
	if m, ok := in.(map[string]any); ok && m[names[0]] != nil {
		m[names[1]] = m[names[0]]
		delete(m, names[0])
	}
}

// own sets fields that this process alone decides about.
func (o *specOverlay) own(names ...string) {
	for _, name := range names {
		if v, ok := o.typed[name]; ok {
			o.spec[name] = v
		} else {
			delete(o.spec, name)
		}
	}
}

// attributesIn changes the attributes that are stored together under a name.
func (o *specOverlay) attributesIn(name string, known []customAttribute) {
	all := objectIn(o.spec, name)
	for _, a := range known {
		o.attribute(all, a.name, a.attr)
	}
	if len(all) > 0 {
		o.spec[name] = all
	} else {
		delete(o.spec, name)
	}
}

// attribute changes one attribute.
func (o *specOverlay) attribute(in map[string]any, name string, a *scim.Attribute) {
	var stored []byte
	if v, ok := in[name]; ok {
		var err error
		if stored, err = json.Marshal(v); err != nil {
			o.err = errors.Join(o.err, fmt.Errorf("attribute %s: %w", a.Path(), err))
			return
		}
	}
	changed := a.Overlay(stored, o.base.Get(a), o.next.Get(a))
	if changed == nil {
		delete(in, name)
		return
	}
	var v any
	if err := utiljson.Unmarshal(changed, &v); err != nil {
		o.err = errors.Join(o.err, fmt.Errorf("attribute %s: %w", a.Path(), err))
		return
	}
	in[name] = v
}

// objectIn is the JSON object of a name, an empty one when there is none.
func objectIn(parent map[string]any, name string) map[string]any {
	if m, ok := parent[name].(map[string]any); ok {
		return m
	}
	return map[string]any{}
}

// documentOf is the JSON of a custom resource.
func documentOf(o object) (*document, error) {
	encoded, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	d := &document{}
	return d, utiljson.Unmarshal(encoded, &d.Object)
}

// decodeDocument is the way back.
func decodeDocument[T object](d *document, into T) (T, error) {
	encoded, err := json.Marshal(d.Object)
	if err != nil {
		return into, err
	}
	return into, json.Unmarshal(encoded, into)
}

// surplus is what this process does not read of the members of a group: the whole JSON of
// such a member, by the member's value.
type surplus map[string]map[string]any

// memberSurplus reads the surplus of the members that the next version of a group holds
// elsewhere than the version before. The objects that hold them are read again, because a
// watch may lack a field that their kind has just got.
func (s *Store) memberSurplus(ctx context.Context, base *entry, next *memberList) (surplus, error) {
	stays := map[*chunk]bool{}
	for _, c := range next.chunks {
		stays[c] = true
	}
	var rewritten []*chunk
	for _, c := range base.members.chunks {
		if !c.missing && (!stays[c] || c.slice == "" && c.partial) {
			rewritten = append(rewritten, c)
		}
	}
	holders := make([]*document, len(rewritten))
	readers, reading := errgroup.WithContext(ctx)
	readers.SetLimit(sliceWriters)
	for i, c := range rewritten {
		readers.Go(func() (err error) {
			holders[i], err = s.holderOfMembers(reading, base, c)
			return err
		})
	}
	if err := readers.Wait(); err != nil {
		return nil, err
	}
	found := surplus{}
	for _, d := range holders {
		if d == nil {
			continue
		}
		if err := found.take(objectIn(d.Object, "spec")); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// holderOfMembers reads the group or the slice that holds some of a group's members. It
// returns nil for a slice that does not exist.
func (s *Store) holderOfMembers(ctx context.Context, group *entry, c *chunk) (*document, error) {
	if c.slice == "" {
		return s.stored(ctx, groupsResource, group.id, s.metadata(group).ResourceVersion)
	}
	d := &document{}
	if err := s.client.get(ctx, slicesResource, c.slice, d); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return d, nil
}

// take adds the members of a stored group or slice that are not read whole.
func (u surplus) take(spec map[string]any) error {
	members, _ := spec["members"].([]any)
	for _, v := range members {
		encoded, err := json.Marshal(v)
		if err != nil {
			return err
		}
		var m api.GroupMember
		if err := json.Unmarshal(encoded, &m); err != nil {
			return err
		}
		if raw, ok := v.(map[string]any); ok && (!sliceFields["members"].cover(encoded) || !isMemberType(m.Type)) {
			u[m.Value] = raw
		}
	}
	return nil
}

// has reports whether there is surplus of one of the members.
func (u surplus) has(members []member) bool {
	if len(u) == 0 {
		return false
	}
	for _, m := range members {
		if u[m.value] != nil {
			return true
		}
	}
	return false
}

// addTo adds it to the members of a group or slice that is to be written.
func (u surplus) addTo(spec map[string]any) {
	members, _ := spec["members"].([]any)
	for i, v := range members {
		m, _ := v.(map[string]any)
		value, _ := m["value"].(string)
		raw, ok := u[value]
		if !ok {
			continue
		}
		if m["type"] != nil {
			raw["type"] = m["type"]
		}
		members[i] = raw
	}
}
