// SPDX-License-Identifier: Apache-2.0

package compact

import (
	"fmt"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
)

func condition(kind, reason, message string) metav1.Condition {
	return metav1.Condition{
		Type: kind, Status: metav1.ConditionTrue, ObservedGeneration: 3, Reason: reason, Message: message,
		LastTransitionTime: metav1.NewTime(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)),
	}
}

// person is a user as identity providers send them.
func person(n int) *v1alpha1.ScimUser {
	now := metav1.NewTime(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
	return &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "acme", Name: string(uuid.NewUUID()), UID: uuid.NewUUID(), ResourceVersion: fmt.Sprint(1000 + n), Generation: 3,
			CreationTimestamp: now, Finalizers: []string{v1alpha1.ClaimsFinalizer},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "scim-operator", Operation: "Update"}},
		},
		Spec: v1alpha1.ScimUserSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: "okta"}, UserName: fmt.Sprintf("employee.%d@example.com", n), ExternalID: fmt.Sprintf("00u%017x", n),
			Name: &v1alpha1.PersonName{GivenName: "Barbara", FamilyName: "Jensen"}, DisplayName: "Barbara Jensen", Title: "Engineer", Active: ptr.To(true),
			Emails:           []v1alpha1.MultiValue{{Value: fmt.Sprintf("employee.%d@example.com", n), Type: "work", Primary: ptr.To(true)}},
			Enterprise:       &v1alpha1.EnterpriseUser{Department: "Research", EmployeeNumber: fmt.Sprint(n), Manager: &v1alpha1.Manager{Value: string(uuid.NewUUID())}},
			LastModifiedTime: ptr.To(metav1.NewMicroTime(now.Time)),
		},
		Status: v1alpha1.ScimUserStatus{
			ObservedGeneration: ptr.To[int64](3), Origin: v1alpha1.OriginProvisioned, UserType: v1alpha1.AccountEndUser, UserTypeRule: "default",
			Organizations: []string{"42"}, Roles: []string{"Tier1"},
			Conditions: []metav1.Condition{
				condition("Active", "Provisioned", "The identity provider has provisioned this user."),
				condition("Ready", "Succeeded", "The status says what the operator made of this user."),
			},
		},
	}
}

func pack(t *testing.T, user *v1alpha1.ScimUser) *User {
	t.Helper()
	packed, err := PackUser(user)
	if err != nil {
		t.Fatal(err)
	}
	return packed.(*User)
}

func TestAPackedUserIsTheUser(t *testing.T) {
	rich := person(1)
	rich.Labels, rich.Annotations = map[string]string{"a": "b"}, map[string]string{v1alpha1.AbandonedAnnotation: "true"}
	rich.Spec.Extensions = map[string]apiextensionsv1.JSON{"urn:acme": {Raw: []byte(`{"badge":7,"großes":"ß"}`)}}
	rich.Spec.DeletedTime = ptr.To(metav1.NewMicroTime(time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)))
	rich.DeletionTimestamp = ptr.To(metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	for _, user := range []*v1alpha1.ScimUser{person(0), rich, {ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b"}}} {
		want := user.DeepCopy()
		want.ManagedFields = nil
		u := pack(t, user)
		if got := u.DeepCopyObject(); !equality.Semantic.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		for _, obj := range []any{u, user, toolscache.DeletedFinalStateUnknown{Obj: u}} {
			if got := UserOf(obj); got.Name != user.Name || got.Spec.UserName != user.Spec.UserName {
				t.Errorf("%T is %+v", obj, got)
			}
		}
		if u.GetName() != user.Name || u.GetUID() != user.UID || u.GetResourceVersion() != user.ResourceVersion || u.GetLabels()["a"] != user.Labels["a"] {
			t.Errorf("its metadata is %s/%s %s", u.GetNamespace(), u.GetName(), u.GetUID())
		}
	}
	if UserOf(&v1alpha1.ScimGroup{}) != nil {
		t.Error("a group is a user")
	}
}

func TestWhatNobodyReadsIsDropped(t *testing.T) {
	user := person(0)
	user.Spec.Photos = []v1alpha1.MultiValue{{Value: "data:image/png;base64,"}}
	user.Spec.IMs = []v1alpha1.MultiValue{{Value: "barbara"}}
	user.Spec.X509Certificates = []v1alpha1.Certificate{{Display: "x"}}
	got := UserOf(pack(t, user))
	if got.Spec.Photos != nil || got.Spec.IMs != nil || got.Spec.X509Certificates != nil || got.ManagedFields != nil {
		t.Errorf("kept %+v", got.Spec)
	}
	if len(user.Spec.Photos) != 1 || user.Name == "" || user.UID == types.UID("") {
		t.Error("the user that came from the API server was changed")
	}
}

func TestAPackedUserIsSmall(t *testing.T) {
	const users, bound = 1000, 400
	sum := 0
	for n := range users {
		sum += len(pack(t, person(n)).packed)
	}
	if sum/users > bound {
		t.Errorf("a user takes %d bytes", sum/users)
	}
	t.Logf("a user takes %d bytes", sum/users)
}

func BenchmarkUnpack(b *testing.B) {
	packed, err := PackUser(person(0))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		packed.(*User).DeepCopyObject()
	}
}

func BenchmarkPack(b *testing.B) {
	user := person(0)
	for b.Loop() {
		if _, err := PackUser(user); err != nil {
			b.Fatal(err)
		}
	}
}
