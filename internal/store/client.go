// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	api "scim-operator.io/api/v1alpha1"
)

// object is any of the custom resources that the store keeps.
type object interface {
	runtime.Object
	metav1.Object
}

// resource is the plural name of a custom resource, as in a path of the API.
type resource string

const (
	usersResource    resource = "scimusers"
	groupsResource   resource = "scimgroups"
	declaredResource resource = "scimresources" // of every declared type
	slicesResource   resource = "scimgroupslices"
	claimsResource   resource = "scimclaims"
)

// client is all the store asks of the API server, one call of it per method. Each call
// has a deadline of its own and is not repeated beneath. What the API server answers is
// decoded into the last argument.
type client interface {
	get(ctx context.Context, r resource, name string, into object) error
	create(ctx context.Context, r resource, from, into object) error
	// update is a compare-and-swap when from has a resourceVersion.
	update(ctx context.Context, r resource, from, into object) error
	mergePatch(ctx context.Context, r resource, name string, patch []byte, into object) error
	// remove deletes an object under preconditions on its UID and resourceVersion. When
	// a finalizer keeps it, into is the object as it stays.
	remove(ctx context.Context, r resource, name string, p metav1.Preconditions, into object) error
	list(ctx context.Context, r resource, o metav1.ListOptions, into runtime.Object) error
	watch(ctx context.Context, r resource, o metav1.ListOptions) (watch.Interface, error)
}

// restClient is a client over HTTP.
type restClient struct {
	rest      *rest.RESTClient
	namespace string
	timeout   time.Duration
	params    runtime.ParameterCodec
}

func newRESTClient(c *rest.Config, namespace string, timeout time.Duration) (*restClient, error) {
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("scheme of the custom resources: %w", err)
	}
	config := rest.CopyConfig(c)
	config.GroupVersion = &api.SchemeGroupVersion
	config.APIPath = "/apis"
	config.NegotiatedSerializer = noticingCodecs{serializer.NewCodecFactory(scheme).WithoutConversion()}
	config.QPS = -1 // the API server's priority and fairness decides
	if config.UserAgent == "" {
		config.UserAgent = rest.DefaultKubernetesUserAgent()
	}
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client of the API server: %w", err)
	}
	return &restClient{rest: client, namespace: namespace, timeout: timeout, params: runtime.NewParameterCodec(scheme)}, nil
}

func (c *restClient) request(verb string, r resource) *rest.Request {
	// Whether a call that failed may be repeated is for the store to judge.
	return c.rest.Verb(verb).Namespace(c.namespace).Resource(string(r)).MaxRetries(0)
}

func (c *restClient) do(ctx context.Context, request *rest.Request, into runtime.Object) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return request.Do(ctx).Into(into)
}

func (c *restClient) get(ctx context.Context, r resource, name string, into object) error {
	return c.do(ctx, c.request(http.MethodGet, r).Name(name), into)
}

func (c *restClient) create(ctx context.Context, r resource, from, into object) error {
	return c.do(ctx, c.request(http.MethodPost, r).Body(from), into)
}

func (c *restClient) update(ctx context.Context, r resource, from, into object) error {
	return c.do(ctx, c.request(http.MethodPut, r).Name(from.GetName()).Body(from), into)
}

func (c *restClient) mergePatch(ctx context.Context, r resource, name string, patch []byte, into object) error {
	// Not Verb: Patch also sets the content type.
	request := c.rest.Patch(types.MergePatchType).Namespace(c.namespace).Resource(string(r)).MaxRetries(0)
	return c.do(ctx, request.Name(name).Body(patch), into)
}

func (c *restClient) remove(ctx context.Context, r resource, name string, p metav1.Preconditions, into object) error {
	options := &metav1.DeleteOptions{Preconditions: &p}
	return c.do(ctx, c.request(http.MethodDelete, r).Name(name).Body(options), into)
}

func (c *restClient) list(ctx context.Context, r resource, o metav1.ListOptions, into runtime.Object) error {
	request := c.request(http.MethodGet, r).VersionedParams(&o, c.params)
	// A list of everything takes longer than one object, and holds up nobody.
	ctx, cancel := context.WithTimeout(ctx, 6*c.timeout)
	defer cancel()
	return request.Do(ctx).Into(into)
}

func (c *restClient) watch(ctx context.Context, r resource, o metav1.ListOptions) (watch.Interface, error) {
	o.Watch = true
	return c.request(http.MethodGet, r).VersionedParams(&o, c.params).Watch(ctx)
}
