// SPDX-License-Identifier: Apache-2.0

// Package compact keeps users small in the manager's cache: a tenant has hundreds of
// thousands of them, and most are looked at once an hour. The cache holds the JSON of what
// the manager reads, compressed with a dictionary; who reads a user from the cache gets it
// whole.
package compact

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// User is a ScimUser in the cache. It answers for its metadata, and a deep copy of it is the
// ScimUser: the cache hands out deep copies. A read with client.UnsafeDisableDeepCopy fails.
type User struct {
	metav1.Object // nil, for the setters: what is in the cache is never changed

	namespace, name, resourceVersion string
	packed                           []byte
}

var _ client.Object = &User{}

// PackUser is a transform of the cache. It drops what the manager never reads: managed
// fields, photos, instant messaging addresses and certificates.
func PackUser(obj any) (any, error) {
	user, ok := obj.(*v1alpha1.ScimUser)
	if !ok {
		return obj, nil // it is packed already, or a tombstone of one that is
	}
	kept := *user
	kept.ManagedFields, kept.Namespace, kept.Name, kept.ResourceVersion = nil, "", "", ""
	kept.TypeMeta = metav1.TypeMeta{}
	kept.Spec.IMs, kept.Spec.Photos, kept.Spec.X509Certificates = nil, nil, nil
	encoded, err := json.Marshal(&kept)
	if err != nil {
		return nil, fmt.Errorf("pack ScimUser %s: %w", client.ObjectKeyFromObject(user), err)
	}
	packed := encoder().EncodeAll(encoded, make([]byte, 0, len(encoded)/2))
	u := &User{
		namespace: intern(user.Namespace), name: user.Name, resourceVersion: user.ResourceVersion,
		packed: append(make([]byte, 0, len(packed)), packed...),
	}
	return u, nil
}

// UserOf is the user in an event or an index function, whether it is packed or not. It must
// not be changed. It is nil for anything else.
func UserOf(obj any) *v1alpha1.ScimUser {
	switch o := obj.(type) {
	case *v1alpha1.ScimUser:
		return o
	case *User:
		return o.whole()
	case toolscache.DeletedFinalStateUnknown:
		return UserOf(o.Obj)
	default:
		return nil
	}
}

// DeepCopyObject returns the ScimUser.
func (u *User) DeepCopyObject() runtime.Object { return u.unpack() }

// GetObjectKind implements runtime.Object.
func (*User) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

func (u *User) unpack() *v1alpha1.ScimUser {
	user := &v1alpha1.ScimUser{}
	encoded, err := decoder().DecodeAll(u.packed, nil)
	if err == nil {
		err = json.Unmarshal(encoded, user)
	}
	if err != nil {
		panic(fmt.Sprintf("unpack ScimUser %s/%s, which this process has packed: %v", u.namespace, u.name, err))
	}
	user.Namespace, user.Name, user.ResourceVersion = u.namespace, u.name, u.resourceVersion
	return user
}

// whole is the ScimUser, which must not be changed: the handlers of one event share it.
func (u *User) whole() *v1alpha1.ScimUser { return recent.get(u) }

// memo remembers the users unpacked last: an event goes to several handlers and indexes, one
// after the other.
type memo struct {
	mu      sync.Mutex
	next    int
	entries [memoSize]struct {
		packed *User
		whole  *v1alpha1.ScimUser
	}
}

const memoSize = 8

var recent memo

func (m *memo) get(u *User) *v1alpha1.ScimUser {
	m.mu.Lock()
	for i := range m.entries {
		if m.entries[i].packed == u {
			defer m.mu.Unlock()
			return m.entries[i].whole
		}
	}
	m.mu.Unlock()
	whole := u.unpack()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[m.next].packed, m.entries[m.next].whole = u, whole
	m.next = (m.next + 1) % memoSize
	return whole
}

var namespaces sync.Map

// intern has all users of a namespace share its name.
func intern(namespace string) string {
	shared, _ := namespaces.LoadOrStore(namespace, namespace)
	return shared.(string)
}

// GetNamespace implements metav1.Object.
func (u *User) GetNamespace() string { return u.namespace }

// GetName implements metav1.Object.
func (u *User) GetName() string { return u.name }

// GetResourceVersion implements metav1.Object.
func (u *User) GetResourceVersion() string { return u.resourceVersion }

// GetUID implements metav1.Object.
func (u *User) GetUID() types.UID { return u.whole().UID }

// GetGeneration implements metav1.Object.
func (u *User) GetGeneration() int64 { return u.whole().Generation }

// GetGenerateName implements metav1.Object.
func (u *User) GetGenerateName() string { return u.whole().GenerateName }

// GetSelfLink implements metav1.Object.
func (u *User) GetSelfLink() string { return "" }

// GetCreationTimestamp implements metav1.Object.
func (u *User) GetCreationTimestamp() metav1.Time { return u.whole().CreationTimestamp }

// GetDeletionTimestamp implements metav1.Object.
func (u *User) GetDeletionTimestamp() *metav1.Time { return u.whole().DeletionTimestamp }

// GetDeletionGracePeriodSeconds implements metav1.Object.
func (u *User) GetDeletionGracePeriodSeconds() *int64 { return u.whole().DeletionGracePeriodSeconds }

// GetLabels implements metav1.Object.
func (u *User) GetLabels() map[string]string { return u.whole().Labels }

// GetAnnotations implements metav1.Object.
func (u *User) GetAnnotations() map[string]string { return u.whole().Annotations }

// GetFinalizers implements metav1.Object.
func (u *User) GetFinalizers() []string { return u.whole().Finalizers }

// GetOwnerReferences implements metav1.Object.
func (u *User) GetOwnerReferences() []metav1.OwnerReference { return u.whole().OwnerReferences }

// GetManagedFields implements metav1.Object.
func (*User) GetManagedFields() []metav1.ManagedFieldsEntry { return nil }

const dictionaryID = 1

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(dictionaryID, []byte(dictionary)),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		panic(err) // nothing but constants
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderDictRaw(dictionaryID, []byte(dictionary)), zstd.WithDecoderConcurrency(4))
	if err != nil {
		panic(err) // nothing but constants
	}
	return d
})

// dictionary is what the JSON of users has in common; what is most common comes last.
const dictionary = `"annotations":{"scim-operator.io/"},"labels":{},"deletionTimestamp":"2026-01-01T00:00:00Z","deletionGracePeriodSeconds":0,` +
	`"nickName":"","profileUrl":"https://","preferredLanguage":"en-US","locale":"en-US","timezone":"Europe/Berlin","entitlements":[{"value":""}],` +
	`"addresses":[{"formatted":"","streetAddress":"","locality":"","region":"","postalCode":"","country":"US","type":"work","primary":true}],` +
	`"phoneNumbers":[{"value":"+1 555 ","type":"work"},{"value":"+1 555 ","type":"mobile"}],"roles":[{"value":"","display":"","primary":true}],` +
	`"account":{"userType":"technician","organizationIds":[""]},"extensions":{"urn:"},"externalId":"","title":"","userType":"Employee",` +
	`"deletedTime":"2026-01-01T00:00:00.000000Z","departure":{"time":"2026-01-01T00:00:00Z","heldBecause":"","holdID":"hold-"},"adoptedTime":"","returnedTime":"","withheldRoles":[""],` +
	`{"type":"Active","status":"False","observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z","reason":"DeletedByProvider","message":"The identity provider has deleted this user."}` +
	`"reason":"DeactivatedByProvider","message":"The identity provider has deactivated this user."` +
	`{"metadata":{"uid":"","generation":1,"creationTimestamp":"2026-01-01T00:00:00Z","finalizers":["scim-operator.io/claims"]},` +
	`"spec":{"endpointRef":{"name":"okta"},"userName":"@example.com","name":{"formatted":"","familyName":"","givenName":""},"displayName":"","active":true,` +
	`"emails":[{"value":"@example.com","type":"work","primary":true}],` +
	`"enterprise":{"employeeNumber":"","costCenter":"","organization":"","division":"","department":"","manager":{"value":"","displayName":""}},` +
	`"lastModifiedTime":"2026-01-01T00:00:00.000000Z"},"status":{"conditions":[` +
	`{"type":"Active","status":"True","observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z","reason":"Provisioned","message":"The identity provider has provisioned this user."},` +
	`{"type":"Ready","status":"True","observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z","reason":"Succeeded","message":"The status says what the operator made of this user."}],` +
	`"observedGeneration":1,"origin":"Provisioned","userType":"EndUser","userTypeRule":"default","organizations":["42"],"roles":[""],"roleRules":["roles[].groups: "]}}`
