// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// maxRecord bounds what is read of the annotation: two routes and two tokens are some 4 KiB.
const maxRecord = 16 << 10

// record is what an endpoint must not forget. The status shows it, and a backup drops the
// status: so an annotation, which only the manager writes, has it as well.
type record struct {
	Routes          []string               `json:"routes,omitempty"`
	TokenGeneration *int64                 `json:"tokenGeneration,omitempty"`
	TokenSerial     int64                  `json:"tokenSerial,omitempty"`
	Tokens          []v1alpha1.TokenStatus `json:"tokens,omitempty"`
}

// recallStatus takes from the annotation what a restored endpoint has lost with its status.
func recallStatus(ep *v1alpha1.ScimEndpoint) {
	if hasStatus(ep) {
		return
	}
	kept := recordOf(ep)
	if len(ep.Status.Routes) == 0 {
		ep.Status.Routes = kept.Routes
	}
	if !everIssued(ep) {
		ep.Status.TokenGeneration, ep.Status.Tokens = kept.TokenGeneration, kept.Tokens
	}
}

func hasStatus(ep *v1alpha1.ScimEndpoint) bool {
	return ptr.Deref(ep.Status.ObservedGeneration, -1) >= 0
}

// recordOf reads the annotation. What cannot be read counts as nothing.
func recordOf(ep *v1alpha1.ScimEndpoint) (kept record) {
	text := ep.Annotations[v1alpha1.EndpointRecordAnnotation]
	if text == "" || len(text) > maxRecord || json.Unmarshal([]byte(text), &kept) != nil {
		return record{}
	}
	kept.Routes = kept.Routes[:min(len(kept.Routes), maxRoutes)]
	kept.Tokens = kept.Tokens[:min(len(kept.Tokens), maxTokens)]
	return kept
}

// routesOf are the routes of an endpoint, of a restored one that has no status yet as well.
func routesOf(ep *v1alpha1.ScimEndpoint) []string {
	if hasStatus(ep) || len(ep.Status.Routes) > 0 {
		return ep.Status.Routes
	}
	return recordOf(ep).Routes
}

// keepRecord writes the annotation when the status says something else. When a token was
// last used is not in it: it would be written every minute. It is written through the pass, whose
// status is then written over that version.
func keepRecord(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	now := record{
		Routes: ep.Status.Routes, TokenGeneration: ep.Status.TokenGeneration,
		TokenSerial: max(recordOf(ep).TokenSerial, lastSerial(ep, ep.Status.Tokens)),
	}
	for _, t := range ep.Status.Tokens {
		t.LastUsedTime = nil
		now.Tokens = append(now.Tokens, t)
	}
	encoded, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("encode the record of the endpoint: %w", err)
	}
	if before, ok := ep.Annotations[v1alpha1.EndpointRecordAnnotation]; before == string(encoded) || !ok && string(encoded) == "{}" {
		return nil
	}
	if err := pass.Annotate(ctx, v1alpha1.EndpointRecordAnnotation, string(encoded)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("keep the record of the endpoint: %w", err)
	}
	return nil
}
