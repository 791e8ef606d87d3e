// SPDX-License-Identifier: Apache-2.0

package store

import (
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// entry is one stored user or group as the index holds it: the resource as answers show
// it, and what a write needs to know of the custom resource. It never changes. There may
// be 100,000 of them and more, so that what can be had from packed is not kept twice.
type entry struct {
	packed     scim.Packed // the resource, without what comes from others
	id         string      // a part of packed
	uid        types.UID
	revision   uint64 // metadata.resourceVersion
	generation int64
	created    int64 // seconds since 1970
	modified   int64 // microseconds since 1970; the same instant until something is changed
	deleted    *metav1.MicroTime
	gone       bool // its deletion from the cluster has begun, or it was never finished
	refused    bool // the condition Refused is there

	name     string   // folded userName or displayName
	external string   // externalId
	manager  string   // id of a user's manager
	silent   bool     // nothing is stored of whether the user is active: the default counts
	values   []uint64 // hashes of a user's folded e-mail addresses, or of unique values; each once
	extra    *extra   // nil when there is none

	members *memberList // nil for users
}

// extra is what a custom resource holds beyond the usual; a write keeps it. What this
// process does not read is not here: see partial.go.
type extra struct {
	labels, annotations map[string]string
	finalizers          []string
	owners              []metav1.OwnerReference
	partial             bool              // more is stored than this process reads
	unreadable          *scim.Attribute   // one with a stored value that is not of its type
	adopted             *metav1.MicroTime // when a user who was here before was linked
	returned            *metav1.MicroTime // when a deleted user last got the record back
}

// object gives the resource as it can be changed.
func (e *entry) object() *scim.Object { return e.packed.Object() }

// live says whether the resource exists over SCIM.
func (e *entry) live() bool { return e.deleted == nil && !e.gone }

// returnable says whether a user whom the identity provider deleted can come back.
func (e *entry) returnable() bool { return e.deleted != nil && !e.gone }

func (e *entry) version() string { return VersionOf(e.generation, nil) }

// revisionOf reads the resourceVersion of an object.
func revisionOf(o metav1.Object) (uint64, error) {
	return parseRevision(o.GetName(), o.GetResourceVersion())
}

// newEntry reads the metadata of a user or group.
func (s *Store) newEntry(o metav1.Object, modified *metav1.MicroTime) (*entry, error) {
	revision, err := revisionOf(o)
	if err != nil {
		return nil, err
	}
	created := o.GetCreationTimestamp()
	e := &entry{
		id: o.GetName(), uid: o.GetUID(), revision: revision, generation: o.GetGeneration(),
		created: created.Unix(), modified: created.UnixMicro(),
		gone:  o.GetDeletionTimestamp() != nil || o.GetAnnotations()[api.AbandonedAnnotation] != "",
		extra: s.extraOf(o),
	}
	if modified != nil {
		e.modified = max(e.modified, modified.UnixMicro())
	}
	if hasUnreadFields(o) || o.GetGenerateName() != "" {
		e.setPartial()
	}
	return e, nil
}

func (s *Store) extraOf(o metav1.Object) *extra {
	labels, finalizers := o.GetLabels(), o.GetFinalizers()
	usual := len(labels) == 1 && labels[api.EndpointLabel] == s.endpoint &&
		len(finalizers) == 1 && finalizers[0] == api.ClaimsFinalizer
	if usual && len(o.GetAnnotations()) == 0 && len(o.GetOwnerReferences()) == 0 {
		return nil
	}
	return &extra{labels: labels, annotations: o.GetAnnotations(), finalizers: finalizers, owners: o.GetOwnerReferences()}
}

// setPartial records that more is stored than this process reads.
func (e *entry) setPartial() {
	if e.extra == nil {
		e.extra = &extra{}
	}
	e.extra.partial = true
}

// partial reports whether more is stored than this process reads.
func (e *entry) partial() bool { return e.extra != nil && e.extra.partial }

// keepAdopted remembers that a user was here before.
func (e *entry) keepAdopted(at *metav1.MicroTime) {
	if at == nil {
		return
	}
	if e.extra == nil {
		e.extra = &extra{}
	}
	e.extra.adopted = at
}

func (e *entry) adoptedTime() *metav1.MicroTime {
	if e == nil || e.extra == nil {
		return nil
	}
	return e.extra.adopted
}

// keepReturned remembers that a deleted user got the record back.
func (e *entry) keepReturned(at *metav1.MicroTime) {
	if at == nil {
		return
	}
	if e.extra == nil {
		e.extra = &extra{}
	}
	e.extra.returned = at
}

func (e *entry) returnedTime() *metav1.MicroTime {
	if e == nil || e.extra == nil {
		return nil
	}
	return e.extra.returned
}

// metadata is what a compare-and-swap of the resource sends: everything that was there.
func (s *Store) metadata(e *entry) metav1.ObjectMeta {
	m := s.newMetadata(e.id)
	m.UID, m.ResourceVersion = e.uid, strconv.FormatUint(e.revision, 10)
	if e.extra == nil {
		return m
	}
	if e.extra.labels != nil {
		labels := maps.Clone(e.extra.labels)
		maps.Copy(labels, m.Labels)
		m.Labels = labels
	}
	m.Annotations, m.OwnerReferences = e.extra.annotations, e.extra.owners
	if len(e.extra.finalizers) > 0 {
		m.Finalizers = slices.Clone(e.extra.finalizers)
	}
	if !e.gone && !slices.Contains(m.Finalizers, api.ClaimsFinalizer) {
		m.Finalizers = append(m.Finalizers, api.ClaimsFinalizer)
	}
	return m
}

// newMetadata is what a new user or group begins with.
func (s *Store) newMetadata(id string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: id, Namespace: s.namespace,
		Labels:     map[string]string{api.EndpointLabel: s.endpoint},
		Finalizers: []string{api.ClaimsFinalizer},
	}
}

// userEntry reads a stored user.
func (s *Store) userEntry(u *api.ScimUser) (*entry, error) {
	e, err := s.newEntry(u, u.Spec.LastModifiedTime)
	if err != nil {
		return nil, err
	}
	a := s.userAttributes
	b := scim.NewBuilder(16)
	b.SetText(a.id, e.id)
	a.build(b, &u.Spec, s.location(s.users, ""))
	e.buildCustom(b, a.custom, u.Spec.Extensions)
	b.SetInitial(s.users.rt)
	a.buildMeta(b, e, s.users.rt.Name, s.location(s.users, e.id))
	e.pack(s.users.rt, &a.commonAttributes, a.userName, b.Object())
	e.deleted = u.Spec.DeletedTime
	e.keepAdopted(u.Spec.AdoptedTime)
	e.keepReturned(u.Spec.ReturnedTime)
	e.refused = meta.FindStatusCondition(u.Status.Conditions, api.ConditionRefused) != nil
	e.values = emailHashes(u.Spec.Emails)
	e.manager, e.silent = a.managerOf(u), u.Spec.Active == nil
	return e, nil
}

// pack prepares what answers show and what indexes look for. A resource of a declared type
// has no name. The texts are parts of what
// is packed, where they can be.
func (e *entry) pack(rt *scim.ResourceType, a *commonAttributes, name *scim.Attribute, o *scim.Object) {
	e.packed = rt.Pack(o)
	e.id, e.external = e.packed.Text(a.id), e.packed.Text(a.externalID)
	if name != nil {
		e.name = scim.FoldName(e.packed.Text(name))
	}
}

func emailHashes(emails []api.MultiValue) []uint64 {
	var hashes []uint64
	for i := range emails {
		if address := emails[i].Value; !scim.IsBlank(address) {
			if h := hashOf(scim.Fold(address)); !slices.Contains(hashes, h) {
				hashes = append(hashes, h)
			}
		}
	}
	return slices.Clip(hashes)
}

// userObject is the custom resource that a write sends for the next state of an entry, nil
// for a new user.
func (s *Store) userObject(m metav1.ObjectMeta, o *scim.Object, base *entry) *api.ScimUser {
	u := &api.ScimUser{ObjectMeta: m, Spec: s.userSpec(o)}
	u.Spec.EndpointRef.Name = s.endpoint
	if active := s.userAttributes.active; base != nil && base.silent && o.Get(active) == active.Initial {
		u.Spec.Active = nil // a default is not written
	}
	u.Spec.AdoptedTime = base.adoptedTime()
	u.Spec.ReturnedTime = base.returnedTime()
	return u
}

// userSpec returns the part of a user's spec that holds the attributes.
func (s *Store) userSpec(o *scim.Object) api.ScimUserSpec {
	spec := s.userAttributes.spec(o)
	spec.Extensions = customOf(o, s.userAttributes.custom)
	return spec
}

// groupEntry reads a stored group; its members are for the caller.
func (s *Store) groupEntry(g *api.ScimGroup) (*entry, error) {
	e, err := s.newEntry(g, g.Spec.LastModifiedTime)
	if err != nil {
		return nil, err
	}
	a := s.groupAttributes
	b := scim.NewBuilder(6)
	b.SetText(a.id, e.id)
	b.SetText(a.externalID, g.Spec.ExternalID)
	b.SetText(a.displayName, g.Spec.DisplayName)
	e.buildCustom(b, a.custom, g.Spec.Extensions)
	a.buildMeta(b, e, s.groups.rt.Name, s.location(s.groups, e.id))
	e.pack(s.groups.rt, &a.commonAttributes, a.displayName, b.Object())
	return e, nil
}

// groupObject is the custom resource that a write sends, without its members.
func (s *Store) groupObject(m metav1.ObjectMeta, o *scim.Object) *api.ScimGroup {
	g := &api.ScimGroup{ObjectMeta: m, Spec: s.groupSpec(o)}
	g.Spec.EndpointRef.Name = s.endpoint
	return g
}

// groupSpec returns the part of a group's spec that holds the attributes other than the members.
func (s *Store) groupSpec(o *scim.Object) api.ScimGroupSpec {
	a := s.groupAttributes
	return api.ScimGroupSpec{
		DisplayName: o.Text(a.displayName), ExternalID: o.Text(a.externalID),
		Extensions: customOf(o, a.custom),
	}
}

// location is `meta.location` and `$ref` of a resource.
func (s *Store) location(k *kind, id string) string {
	return s.baseURL + k.rt.Endpoint + "/" + id
}
