// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	api "scim-operator.io/api/v1alpha1"
)

// direct is the reference for writes: client-go with nothing around it, as the servers'
// identity. JSON is all that custom resources are served in.
type direct struct {
	endpoint *endpoint
	rest     *rest.RESTClient
	user     *api.ScimUser  // what the server made of a user
	claim    *api.ScimClaim // and its claim
	users    []*api.ScimUser
	made     atomic.Int64
}

func newDirect(e *endpoint) (*direct, error) {
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config := rest.CopyConfig(e.config)
	config.GroupVersion, config.APIPath = &api.SchemeGroupVersion, "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	return &direct{endpoint: e, rest: client}, err
}

// learn takes a user and its claim, which a server has created, for patterns.
func (d *direct) learn(ctx context.Context, from *direct, id string) error {
	d.user, d.claim = &api.ScimUser{}, nil
	if err := from.request(http.MethodGet, "scimusers").Name(id).Do(ctx).Into(d.user); err != nil {
		return err
	}
	claims := &api.ScimClaimList{}
	if err := from.request(http.MethodGet, "scimclaims").Do(ctx).Into(claims); err != nil {
		return err
	}
	for i := range claims.Items {
		if claims.Items[i].Spec.HolderRef.Name == id {
			d.claim = &claims.Items[i]
		}
	}
	d.user.ObjectMeta, d.claim.ObjectMeta = d.bare(&d.user.ObjectMeta), d.bare(&d.claim.ObjectMeta)
	return nil
}

// bare is what of an object's metadata whoever creates it sets.
func (d *direct) bare(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: d.endpoint.Namespace, Labels: m.Labels, Annotations: m.Annotations, Finalizers: m.Finalizers}
}

func (d *direct) request(verb, resource string) *rest.Request {
	return d.rest.Verb(verb).Namespace(d.endpoint.Namespace).Resource(resource)
}

// rateOf runs work for each of count numbers with as many workers as a load has clients.
func rateOf(ctx context.Context, count int, work func(ctx context.Context, n int) error) (float64, error) {
	workers, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	start := time.Now()
	for range clients {
		workers.Go(func() error {
			for ctx.Err() == nil {
				n := int(next.Add(1) - 1)
				if n >= count {
					return nil
				}
				if err := work(ctx, n); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	err := workers.Wait()
	return float64(count) / time.Since(start).Seconds(), err
}

// create creates a user, after its claim if it is to have one.
func (d *direct) create(ctx context.Context, claimed bool) (*api.ScimUser, error) {
	n := int(d.made.Add(1))
	u := d.user.DeepCopy()
	u.Name, u.Spec.UserName, u.Spec.ExternalID = uuid.NewString(), userName("direct", n), uuid.NewString()
	u.Spec.Emails[0].Value = u.Spec.UserName
	now := metav1.NowMicro()
	u.Spec.LastModifiedTime = &now
	if claimed {
		c := d.claim.DeepCopy()
		c.Name, c.Spec.Value, c.Spec.HolderRef.Name = uuid.NewString(), u.Spec.UserName, u.Name
		if err := d.request(http.MethodPost, "scimclaims").Body(c).Do(ctx).Into(&api.ScimClaim{}); err != nil {
			return nil, err
		}
	}
	created := &api.ScimUser{}
	return created, d.request(http.MethodPost, "scimusers").Body(u).Do(ctx).Into(created)
}

// change updates a user that is held in memory, and holds what became of it.
func (d *direct) change(ctx context.Context, n int) error {
	u := d.users[n].DeepCopy()
	active, now := u.Spec.Active == nil || !*u.Spec.Active, metav1.NowMicro()
	u.Spec.Active, u.Spec.LastModifiedTime = &active, &now
	d.users[n] = &api.ScimUser{}
	return d.request(http.MethodPut, "scimusers").Name(u.Name).Body(u).Do(ctx).Into(d.users[n])
}

// list lists all users as one answer.
func (d *direct) list(ctx context.Context) (*api.ScimUserList, error) {
	users := &api.ScimUserList{}
	return users, d.request(http.MethodGet, "scimusers").Do(ctx).Into(users)
}

// listInParts lists all users, some at a time, as an answer with all of them may take
// longer than the API server allows beside other work.
func (d *direct) listInParts(ctx context.Context) ([]api.ScimUser, error) {
	var users []api.ScimUser
	for next := ""; ; {
		part := &api.ScimUserList{}
		request := d.request(http.MethodGet, "scimusers").Param("limit", "5000").Param("continue", next)
		if err := request.Do(ctx).Into(part); err != nil {
			return nil, err
		}
		users = append(users, part.Items...)
		if next = part.Continue; next == "" {
			return users, nil
		}
	}
}
