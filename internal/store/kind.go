// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// kind is a resource type and the custom resource that stores it.
type kind struct {
	rt        *scim.ResourceType
	resource  resource
	selector  string    // of its objects among those of the endpoint, where others are stored beside them
	unique    []*unique // the attributes whose values are claimed, in the order of claiming
	lookups   []indexed // the indexes, the most selective first
	shows     []*kind   // whose resources an answer about one of these shows, its own included
	shelf     *shelf
	ordinal   int                 // of its shelf in a snapshot
	declared  *resourceAttributes // nil for users and groups
	refresher refresher
	feed      *feed
	newObject func() object
	newList   func() runtime.Object
}

// unique is an attribute of a kind whose values are claimed: each belongs to one resource.
type unique struct {
	*kind
	attr    *scim.Attribute
	claimed api.ClaimedAttribute  // its name in claims
	stored  func(o object) string // its value in a custom resource
}

// key is what is compared of a value, "" when it is none.
func (u *unique) key(value string) string {
	if scim.IsBlank(value) {
		return ""
	}
	return u.attr.Fold(value)
}

// of is the key of a resource's value, "" when it has none.
func (u *unique) of(o *scim.Object) string { return u.key(o.Text(u.attr)) }

// had is the key of a stored resource's value; nobody's is "".
func (u *unique) had(e *entry) string {
	if e == nil {
		return ""
	}
	return u.key(e.packed.Text(u.attr))
}

// renamed says whether a change gives a resource another unique value.
func (k *kind) renamed(from *entry, to *scim.Object) bool {
	return slices.ContainsFunc(k.unique, func(u *unique) bool { return u.had(from) != u.of(to) })
}

// checkUnique refuses a resource without a unique value that it needs.
func (k *kind) checkUnique(o *scim.Object) error {
	for _, u := range k.unique {
		if u.attr.Required && u.of(o) == "" {
			return scim.ErrInvalidValue(u.attr.Path(), "a value is required")
		}
	}
	return nil
}

// kindOf gives the kind that stores a resource type.
func (s *Store) kindOf(rt *scim.ResourceType) (*kind, error) {
	for _, k := range s.kinds {
		if k.rt == rt {
			return k, nil
		}
	}
	return nil, scim.NewError(501, "", fmt.Sprintf("resources of type %s cannot be stored", rt.Name))
}

// named gives the kind that stores a resource type, and 404 for an id that can be none of
// its resources': an id is the name of an object.
func (s *Store) named(rt *scim.ResourceType, id string) (*kind, error) {
	k, err := s.kindOf(rt)
	if err == nil && !isLabel(id) && len(validation.NameIsDNSSubdomain(id, false)) > 0 {
		err = scim.ErrNotFound(rt.Name, id)
	}
	return k, err
}

// isLabel is true for names of one DNS label, as UUIDs are: what Kubernetes offers to find
// out is a regular expression, which takes longer than finding the resource.
func isLabel(name string) bool {
	if name == "" || len(name) > 63 || name[0] == '-' || name[len(name)-1] == '-' {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-':
		default:
			return false
		}
	}
	return true
}

// read decodes a resource into an entry, and the slices a group names.
func (s *Store) read(o runtime.Object) (groupOrUser, error) {
	switch o := o.(type) {
	case *api.ScimResource:
		for _, k := range s.kinds {
			if k.declared != nil && k.rt.Name == o.Spec.ResourceType {
				e, err := s.resourceEntry(k, o)
				return groupOrUser{entry: e}, err
			}
		}
	case *api.ScimUser:
		e, err := s.userEntry(o)
		return groupOrUser{entry: e}, err
	case *api.ScimGroup:
		e, err := s.groupEntry(o)
		if err != nil {
			return groupOrUser{}, err
		}
		if len(o.Spec.Slices) == 0 {
			e.members = newMemberList()
			if len(o.Spec.Members) > 0 {
				e.members = newMemberList(newChunk("", o, o.Spec.Members))
			}
		}
		return groupOrUser{entry: e, slices: o.Spec.Slices}, nil
	}
	return groupOrUser{}, fmt.Errorf("a %T is no resource that is served", o)
}

// ours says whether a resource is one of the kind's and belongs to this endpoint: its name
// alone does not say.
func (s *Store) ours(k *kind, o object) bool {
	switch o := o.(type) {
	case *api.ScimUser:
		return o.Spec.EndpointRef.Name == s.endpoint
	case *api.ScimGroup:
		return o.Spec.EndpointRef.Name == s.endpoint
	case *api.ScimResource:
		return o.Spec.EndpointRef.Name == s.endpoint && o.Spec.ResourceType == k.rt.Name
	}
	return false
}

// listOptions select what belongs to this endpoint and, with a kind, is one of its objects.
func (s *Store) listOptions(k *kind, o metav1.ListOptions) metav1.ListOptions {
	o.FieldSelector = "spec.endpointRef.name=" + s.endpoint
	if k != nil && k.selector != "" {
		o.FieldSelector += "," + k.selector
	}
	return o
}
