// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

const (
	// DefaultMaxBodyBytes is the size of a body when the spec names none. It takes a PUT of
	// a group of 100,000 members with their names and references.
	DefaultMaxBodyBytes int64 = 16 << 20
	// DefaultMaxPageSize is the largest page when the spec names none. A CEL rule of
	// EndpointLimits has the number, too.
	DefaultMaxPageSize int32 = 1000
	// DefaultPageSize is the size of a page when neither the client nor the spec names one.
	DefaultPageSize int32 = 100
	// DefaultMaxBulkOperations is the number of operations when the spec names none.
	DefaultMaxBulkOperations int32 = 1000
	// DefaultMaxConcurrentRequests is the number of requests when the spec names none.
	DefaultMaxConcurrentRequests int32 = 256
	// DefaultRequestsPerSecond is the rate of a token when the spec names none.
	DefaultRequestsPerSecond int32 = 1000
)

// EndpointLimits bound what clients may cost a server.
// +kubebuilder:validation:XValidation:rule="!has(self.defaultPageSize) || self.defaultPageSize <= (has(self.maxPageSize) ? self.maxPageSize : 1000)",message="defaultPageSize must not be above maxPageSize, which is 1000 when it is left out"
type EndpointLimits struct {
	// maxBodyBytes is the size of a request's body, from 64Ki to 64Mi. A larger body is
	// answered 413. A server takes in bodies of at most twice this size at once; give it
	// memory of 12 times this size beside its directory. Left out, it is 16Mi.
	// +optional
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('64Ki')) >= 0 && quantity(string(self)).compareTo(quantity('64Mi')) <= 0",message="maxBodyBytes must be from 64Ki to 64Mi"
	MaxBodyBytes *resource.Quantity `json:"maxBodyBytes,omitempty"`

	// maxBulkBytes is the size of the body of a Bulk request, from 64Ki to 64Mi. A larger
	// body is answered 413. Left out, it is maxBodyBytes.
	// +optional
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('64Ki')) >= 0 && quantity(string(self)).compareTo(quantity('64Mi')) <= 0",message="maxBulkBytes must be from 64Ki to 64Mi"
	MaxBulkBytes *resource.Quantity `json:"maxBulkBytes,omitempty"`

	// maxBulkOperations is the number of operations of a Bulk request, 1 to 10000. A
	// request with more is answered 413. Left out, it is 1000.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MaxBulkOperations *int32 `json:"maxBulkOperations,omitempty"`

	// defaultPageSize is the number of resources in a list when the client names no count,
	// 1 to maxPageSize. Left out, it is 100, or maxPageSize where that is less.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	DefaultPageSize *int32 `json:"defaultPageSize,omitempty"`

	// maxPageSize is the number of resources in a list at most, 1 to 10000. A client that
	// names a larger count gets so many. Left out, it is 1000.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MaxPageSize *int32 `json:"maxPageSize,omitempty"`

	// maxConcurrentRequests is the number of authenticated requests that a server answers at
	// once, 1 to 2048. One more is answered 503 with Retry-After. Left out, it is 256.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2048
	MaxConcurrentRequests *int32 `json:"maxConcurrentRequests,omitempty"`

	// requestsPerSecond is the rate at which a server takes the requests of one token, or of
	// one subject of the OAuth issuer, 1 to 100000. As many may come at once. Beyond it, the
	// answer is 429 with Retry-After. Each server counts by itself. Left out, it is 1000.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	RequestsPerSecond *int32 `json:"requestsPerSecond,omitempty"`
}

// EffectiveLimits returns the limits in force, each of them set.
func (e *ScimEndpoint) EffectiveLimits() *EndpointLimits {
	var l EndpointLimits
	if e.Spec.Limits != nil {
		l = *e.Spec.Limits.DeepCopy()
	}
	l.MaxBodyBytes = wholeBytes(l.MaxBodyBytes, DefaultMaxBodyBytes)
	l.MaxBulkBytes = wholeBytes(l.MaxBulkBytes, l.MaxBodyBytes.Value())
	orDefault(&l.MaxBulkOperations, DefaultMaxBulkOperations)
	orDefault(&l.MaxPageSize, DefaultMaxPageSize)
	orDefault(&l.DefaultPageSize, min(DefaultPageSize, *l.MaxPageSize))
	orDefault(&l.MaxConcurrentRequests, DefaultMaxConcurrentRequests)
	orDefault(&l.RequestsPerSecond, DefaultRequestsPerSecond)
	return &l
}

// wholeBytes writes the same size in one way, so that to spell it otherwise changes nothing.
func wholeBytes(given *resource.Quantity, otherwise int64) *resource.Quantity {
	if given != nil {
		otherwise = given.Value()
	}
	return resource.NewQuantity(otherwise, resource.BinarySI)
}

func orDefault(field **int32, value int32) {
	if *field == nil {
		*field = &value
	}
}
