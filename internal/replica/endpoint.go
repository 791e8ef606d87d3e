// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

const (
	readPause   = time.Second
	readTimeout = 45 * time.Second
)

// ReadDefinition reads of the ScimEndpoint that is to be served what a server learns only when
// it starts. It waits a while for the API server and for the endpoint to be there.
func ReadDefinition(ctx context.Context, config *rest.Config, namespace, name string) (*v1alpha1.ScimEndpointSpec, error) {
	kubernetes, err := newClient(config)
	if err != nil {
		return nil, err
	}
	endpoint := &v1alpha1.ScimEndpoint{}
	var cause error
	err = wait.PollUntilContextTimeout(ctx, readPause, readTimeout, true, func(ctx context.Context) (bool, error) {
		cause = kubernetes.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, endpoint)
		return cause == nil, nil
	})
	switch {
	case cause != nil:
		return nil, fmt.Errorf("ScimEndpoint %s/%s: %w", namespace, name, cause)
	case err != nil:
		return nil, err
	}
	definition := endpoint.Definition()
	return &definition, nil
}
