// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

const (
	kindIdentityProvider = "IdentityProvider"
	kindScimEndpoint     = "ScimEndpoint"
	kindScimUser         = "ScimUser"
	kindScimGroup        = "ScimGroup"
	kindScimGroupSlice   = "ScimGroupSlice"
	kindScimClaim        = "ScimClaim"

	// maxProviders is how many providers of a namespace are looked at.
	maxProviders = 1000
	// maxNamed is how many names an error or a question lists.
	maxNamed = 10
)

// provider is an IdentityProvider and the ScimEndpoint that it owns, if it is served; or a
// ScimEndpoint that belongs to none.
type provider struct {
	name string
	// object is what a person writes to: the IdentityProvider, where there is one.
	object *unstructured.Unstructured
	// served is the ScimEndpoint as the API server sent it, nil when there is none.
	served *unstructured.Unstructured

	identityProvider *v1alpha1.IdentityProvider
	endpoint         *v1alpha1.ScimEndpoint
}

func newProvider(idp, endpoint *unstructured.Unstructured) (*provider, error) {
	p := &provider{}
	if idp != nil {
		p.name, p.object, p.identityProvider = idp.GetName(), idp, &v1alpha1.IdentityProvider{}
		if err := typed(idp, p.identityProvider); err != nil {
			return nil, err
		}
	}
	if endpoint != nil {
		p.served, p.endpoint = endpoint, &v1alpha1.ScimEndpoint{}
		if err := typed(endpoint, p.endpoint); err != nil {
			return nil, err
		}
	}
	if p.object == nil {
		p.name, p.object = endpoint.GetName(), endpoint
	}
	return p, nil
}

func (p *provider) kind() string { return p.object.GetKind() }

func (p *provider) String() string { return p.kind() + " " + p.name }

// tokenPath is where the provider's object has its TokenPolicy.
func (p *provider) tokenPath() []string {
	if p.identityProvider != nil {
		return tokenOfIdentityProvider
	}
	return tokenOfEndpoint
}

// held is what the guard holds: the object's own status, else that of the endpoint.
func (p *provider) held() heldBatch {
	if batch := fieldsOf(p.object).held(); batch.HoldID != "" {
		return batch
	}
	return fieldsOf(p.served).held()
}

// policy is the rules for users that are in force.
func (p *provider) policy() v1alpha1.AccountPolicy {
	switch {
	case p.endpoint != nil:
		return p.endpoint.Spec.AccountPolicy
	case p.identityProvider != nil && p.identityProvider.Spec.SCIM != nil:
		return p.identityProvider.Spec.SCIM.AccountPolicy
	}
	return v1alpha1.AccountPolicy{}
}

func (p *provider) organizationID() string {
	switch {
	case p.endpoint != nil:
		return p.endpoint.Spec.OrganizationID
	case p.identityProvider != nil && p.identityProvider.Spec.SCIM != nil:
		return p.identityProvider.Spec.SCIM.OrganizationID
	}
	return ""
}

// unserved says why a provider has no endpoint, and what to do about it.
func (p *provider) unserved() error {
	if p.identityProvider.EffectiveProvisioning() == v1alpha1.ProvisioningDisabled {
		return fmt.Errorf("%s has no endpoint, because its provisioning is Disabled; set spec.scim.provisioning to Enabled first", p)
	}
	return fmt.Errorf("%s has no endpoint yet; `kubectl scim status %s` says what it waits for", p, p.name)
}

// provider looks up what PROVIDER names.
func (s *session) provider(ctx context.Context, name string) (*provider, error) {
	idp, err := s.find(ctx, kindIdentityProvider, name)
	if err != nil {
		return nil, err
	}
	endpoint, err := s.find(ctx, kindScimEndpoint, name)
	if err != nil {
		return nil, err
	}
	switch {
	case idp != nil && !owns(idp, endpoint):
		return newProvider(idp, nil)
	case idp == nil && endpoint == nil:
		return nil, s.noProvider(ctx, name)
	}
	return newProvider(idp, endpoint)
}

// find reads an object, or finds that there is none.
func (s *session) find(ctx context.Context, kind, name string) (*unstructured.Unstructured, error) {
	o, err := s.get(ctx, kind, name)
	if apierrors.IsNotFound(err) && !noKind(err) {
		return nil, nil
	}
	return o, err
}

func owns(idp, endpoint *unstructured.Unstructured) bool {
	if idp == nil || endpoint == nil {
		return false
	}
	owner := metav1.GetControllerOfNoCopy(endpoint)
	return owner != nil && owner.UID == idp.GetUID()
}

// noProvider names what there is in the place of what there is not.
func (s *session) noProvider(ctx context.Context, name string) error {
	missing := fmt.Errorf("there is no IdentityProvider and no ScimEndpoint %q in the namespace %q", name, s.namespace)
	names, err := s.providerNames(ctx)
	if err != nil {
		return missing
	}
	if len(names) == 0 {
		return fmt.Errorf("%w, nor any other; choose the namespace with -n", missing)
	}
	return fmt.Errorf("%w; there are: %s", missing, someOf(names, len(names)))
}

// providerNames lists what may be given as PROVIDER, in order.
func (s *session) providerNames(ctx context.Context) (names []string, err error) {
	for _, kind := range []string{kindIdentityProvider, kindScimEndpoint} {
		r := reading{session: s, list: namesOf(kind), size: pageSize, bound: maxProviders}
		_, err := r.each(ctx, func(page client.ObjectList) bool {
			for _, item := range page.(*metav1.PartialObjectMetadataList).Items {
				names = append(names, item.Name)
			}
			return false
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// providers are all of the namespace by name, or the one that is named.
func (s *session) providers(ctx context.Context, args []string) ([]*provider, error) {
	if len(args) > 0 {
		p, err := s.provider(ctx, args[0])
		return []*provider{p}, err
	}
	idps, err := s.every(ctx, kindIdentityProvider)
	if err != nil {
		return nil, err
	}
	endpoints, err := s.every(ctx, kindScimEndpoint)
	if err != nil {
		return nil, err
	}
	var found []*provider
	add := func(idp, endpoint *unstructured.Unstructured) error {
		p, err := newProvider(idp, endpoint)
		found = append(found, p)
		return err
	}
	for name, idp := range idps {
		endpoint := endpoints[name]
		if owns(idp, endpoint) {
			delete(endpoints, name)
		} else {
			endpoint = nil
		}
		if err := add(idp, endpoint); err != nil {
			return nil, err
		}
	}
	for _, endpoint := range endpoints {
		if err := add(nil, endpoint); err != nil {
			return nil, err
		}
	}
	// Of an IdentityProvider and a ScimEndpoint of one name, PROVIDER is the former.
	slices.SortFunc(found, func(a, b *provider) int {
		return strings.Compare(a.name+" "+a.kind(), b.name+" "+b.kind())
	})
	return found, nil
}

// every reads all objects of a kind by name.
func (s *session) every(ctx context.Context, kind string) (map[string]*unstructured.Unstructured, error) {
	found := map[string]*unstructured.Unstructured{}
	r := reading{session: s, list: listOf(kind), size: pageSize, bound: maxProviders}
	whole, err := r.each(ctx, func(page client.ObjectList) bool {
		items := page.(*unstructured.UnstructuredList).Items
		for i := range items {
			found[items[i].GetName()] = &items[i]
		}
		return false
	})
	if err == nil && !whole {
		s.note("The namespace %q has more than %d objects of the kind %s; the others are not shown. Name one.", s.namespace, maxProviders, kind)
	}
	return found, err
}

// someOf lists the first of so many names.
func someOf(names []string, total int) string {
	shown := names[:min(len(names), maxNamed)]
	text := strings.Join(shown, ", ")
	if more := total - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
