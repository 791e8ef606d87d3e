// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

func TestAUserIsCreatedReadChangedAndDeleted(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	body := userBody("BJensen@example.com", `"externalId":"00u1"`, `"active":true`,
		`"name":{"familyName":"Jensen"}`, `"emails":[{"value":"b@example.com","type":"work","primary":true}]`)
	created := r.user(body)
	read, err := r.Get(t.Context(), r.users.rt, created.ID)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"id": created.ID, "userName": "BJensen@example.com", "externalId": "00u1", "active": true,
		"name.familyName": "Jensen", "meta.resourceType": "User", "meta.version": `W/"1"`,
		"meta.location": "https://scim.example.com/scim/v2/Users/" + created.ID,
	} {
		if got := scimtest.Value(read.Object(), path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if !read.Object().Equal(created.Object()) || read.Version != created.Version {
		t.Errorf("the user read is not the user created")
	}
	changed, did, err := r.tryPatch(r.users.rt, created.ID, `{"op":"replace","path":"active","value":false}`, Match{})
	if err != nil || !did {
		t.Fatal(did, err)
	}
	if active := scimtest.Value(changed.Object(), "active"); active != false || changed.Version != `W/"2"` {
		t.Errorf("active is %v in version %s", active, changed.Version)
	}
	r.delete(r.users.rt, created.ID)
	_, err = r.Get(t.Context(), r.users.rt, created.ID)
	requireNotFound(t, err)
	requireNotFound(t, r.Delete(t.Context(), r.users.rt, created.ID, Match{}))
	requireNotFound(t, r.rename(created.ID, "x"))

	var record api.ScimUser
	if err := w.raw.get(t.Context(), usersResource, created.ID, &record); err != nil {
		t.Fatalf("no record stays: %v", err)
	}
	if record.Spec.DeletedTime == nil || record.Spec.UserName != "BJensen@example.com" {
		t.Errorf("the record is %+v", record.Spec)
	}
	if claims := w.claims(); len(claims) != 0 {
		t.Errorf("claims stay: %v", claims)
	}
}

func TestNothingIsWrittenWhenNothingChanges(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("bjensen", `"active":true`))
	g := r.group(groupBody("Staff", u.ID))
	before := w.revisions()
	for _, operations := range []string{
		`{"op":"replace","path":"active","value":"True"}`,
		`{"op":"add","value":{"userName":"bjensen"}}`,
		`{"op":"remove","path":"title"}`,
	} {
		if _, changed, err := r.tryPatch(r.users.rt, u.ID, operations, Match{}); err != nil || changed {
			t.Errorf("%s: changed %v, %v", operations, changed, err)
		}
	}
	add := fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, u.ID)
	again, changed, err := r.tryPatch(r.groups.rt, g.ID, add, Match{})
	if err != nil || changed || again.Version != g.Version {
		t.Errorf("adding a member again: changed %v, %v", changed, err)
	}
	if after := w.revisions(); !slices.Equal(before, after) {
		t.Errorf("resourceVersions were\n%v, are\n%v", before, after)
	}
}

// revisions gives the resourceVersion of every object.
func (w *world) revisions() []string {
	w.t.Helper()
	var revisions []string
	var users api.ScimUserList
	var groups api.ScimGroupList
	var claims api.ScimClaimList
	if err := w.raw.list(w.t.Context(), usersResource, metav1.ListOptions{}, &users); err != nil {
		w.t.Fatal(err)
	}
	if err := w.raw.list(w.t.Context(), groupsResource, metav1.ListOptions{}, &groups); err != nil {
		w.t.Fatal(err)
	}
	if err := w.raw.list(w.t.Context(), claimsResource, metav1.ListOptions{}, &claims); err != nil {
		w.t.Fatal(err)
	}
	for i := range users.Items {
		revisions = append(revisions, "user "+users.Items[i].Name+" "+users.Items[i].ResourceVersion)
	}
	for i := range groups.Items {
		revisions = append(revisions, "group "+groups.Items[i].Name+" "+groups.Items[i].ResourceVersion)
	}
	for i := range claims.Items {
		revisions = append(revisions, "claim "+claims.Items[i].Name+" "+claims.Items[i].ResourceVersion)
	}
	return revisions
}

func TestANameBelongsToOneUserOrGroup(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	r.user(userBody("bjensen@example.com"))
	for _, name := range []string{"BJENSEN@Example.com", " bjensen@example.com ", "ｂjensen@example.com", "bjensen@example.com\u3000"} {
		_, err := r.tryUser(userBody(name))
		requireTaken(t, err)
		if found := r.find(r.users.rt, fmt.Sprintf("userName eq %q", name)); len(found) != 1 {
			t.Errorf("%q is taken, and %d users have it", name, len(found))
		}
	}
	r.group(groupBody("Straße"))
	for _, name := range []string{"STRASSE", " strasse"} {
		_, err := r.tryGroup(groupBody(name))
		requireTaken(t, err)
		if found := r.find(r.groups.rt, fmt.Sprintf("displayName eq %q", name)); len(found) != 1 {
			t.Errorf("%q is taken, and %d groups have it", name, len(found))
		}
	}
	other := r.user(userBody("other"))
	requireTaken(t, r.rename(other.ID, "Bjensen@example.com"))
	if err := r.rename(other.ID, "OTHER"); err != nil {
		t.Errorf("a user cannot change the case of its own name: %v", err)
	}
	w.requireUnique()
}

func TestANameGivenUpIsFreeAtOnce(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	first := r.user(userBody("alice"))
	if err := r.rename(first.ID, "alice.smith"); err != nil {
		t.Fatal(err)
	}
	second := r.user(userBody("alice"))
	requireTaken(t, r.rename(first.ID, "alice"))
	r.delete(r.users.rt, second.ID)
	third := r.user(userBody("alice", `"externalId":"another person"`))
	if third.ID == second.ID {
		t.Error("another person has the id of the one before")
	}
	if err := r.rename(first.ID, "bob"); err != nil {
		t.Fatal(err)
	}
	if err := r.rename(third.ID, "alice.smith"); err != nil {
		t.Fatal(err)
	}
	g := r.group(groupBody("Staff"))
	r.delete(r.groups.rt, g.ID)
	if again := r.group(groupBody("staff")); again.ID == g.ID {
		t.Error("another group has the id of the one before")
	}
	w.requireUnique()
}

func TestTheNextOneOfANameInheritsNoGroups(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	john := r.user(userBody("j.smith@example.com"))
	r.group(groupBody("Admins", john.ID))
	r.delete(r.users.rt, john.ID)
	jane := r.user(userBody("j.smith@example.com"))
	if jane.ID == john.ID {
		t.Error("the name gave its next owner the id of the one before")
	}
	if groups := scimtest.Value(jane.Object(), "groups"); groups != nil {
		t.Errorf("the new user is in %v", groups)
	}
}

func TestAPreconditionIsChecked(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("erin"))
	title := `{"op":"replace","path":"title","value":"%s"}`
	_, _, err := r.tryPatch(r.users.rt, u.ID, fmt.Sprintf(title, "A"), NewMatch(u.Version, ""))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = r.tryPatch(r.users.rt, u.ID, fmt.Sprintf(title, "B"), NewMatch(u.Version, ""))
	requireStatus(t, err, http.StatusPreconditionFailed, "")
	requireStatus(t, r.Delete(t.Context(), r.users.rt, u.ID, NewMatch(u.Version, "")), http.StatusPreconditionFailed, "")
	if err := r.Delete(t.Context(), r.users.rt, u.ID, NewMatch("*", "")); err != nil {
		t.Fatal(err)
	}
}

func TestANameThatIsTooLongIsNamed(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u, g := r.user(userBody("a")), r.group(groupBody("a"))
	long := strings.Repeat("x", 5000)
	beyondClaims := func(k *kind) error {
		_, err := r.acquire(t.Context(), k.unique[0], strings.Repeat("x", 40_000), claimant{id: "new"})
		return err
	}
	for _, row := range []struct {
		name, want string
		do         func() error
	}{
		{"a new user", "userName has more than 1024 characters", func() error { return errorOf(r.tryUser(userBody(long))) }},
		{"a rename", "userName has more than 1024 characters", func() error { return r.rename(u.ID, long) }},
		{"a new group", "displayName has more than 1024 characters", func() error { return errorOf(r.tryGroup(groupBody(long))) }},
		{"a renamed group", "displayName has more than 1024 characters", func() error {
			_, _, err := r.tryPatch(r.groups.rt, g.ID, `{"op":"replace","path":"displayName","value":"`+long+`"}`, Match{})
			return err
		}},
		{"a claim of a user", "userName: the value is longer", func() error { return beyondClaims(r.users) }},
		{"a claim of a group", "displayName: the value is longer", func() error { return beyondClaims(r.groups) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.do()
			requireStatus(t, err, http.StatusBadRequest, scim.ScimTypeInvalidValue)
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v, want %s", err, row.want)
			}
		})
	}
	if claims := w.claims(); len(claims) != 2 {
		t.Errorf("the claims are %v", claims)
	}
}

func TestABoundOfTheStorageIsNamed(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	long := strings.Repeat("x", 1025)
	wide := strings.Repeat("\u0390", 5000) // 15,000 characters when folded
	for _, row := range []struct{ name, body, want string }{
		{"a userName", userBody(long), "userName has more than 1024 characters"},
		{"a userName that folding makes longer", userBody(wide), "userName has more than 1024 characters"},
		{"an externalId", `{"schemas":["` + scim.UserSchema + `"],"userName":"a","externalId":"` + long + `"}`,
			"externalId has more than 1024 characters"},
		{"a manager", `{"schemas":["` + scim.UserSchema + `","` + scim.EnterpriseUserSchema + `"],"userName":"a","` + scim.EnterpriseUserSchema + `":{"manager":{"value":"` + long + `"}}}`,
			scim.EnterpriseUserSchema + ":manager.value has more than 1024 characters"},
		{"an organization", `{"schemas":["` + scim.UserSchema + `","` + scim.OperatorUserSchema + `"],"userName":"a","` + scim.OperatorUserSchema + `":{"organizationId":["1","` + long + `"]}}`,
			scim.OperatorUserSchema + ":organizationId has more than 1024 characters"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := r.tryUser(row.body)
			requireStatus(t, err, http.StatusBadRequest, scim.ScimTypeInvalidValue)
			if got := err.Error(); got != "invalidValue: "+row.want {
				t.Errorf("the error is %s, want %s", got, row.want)
			}
			if claims := w.claims(); len(claims) != 0 {
				t.Errorf("a claim stays: %v", claims)
			}
		})
	}
	u := r.user(userBody("frank"))
	_, _, err := r.tryPatch(r.users.rt, u.ID, `{"op":"add","path":"externalId","value":"`+long+`"}`, Match{})
	requireStatus(t, err, http.StatusBadRequest, scim.ScimTypeInvalidValue)
	if !strings.HasSuffix(err.Error(), "externalId has more than 1024 characters") {
		t.Errorf("the error of a PATCH is %v", err)
	}
}

// TestWhatTheEngineAcceptsIsStored: the engine's own bounds are those of the storage.
func TestWhatTheEngineAcceptsIsStored(t *testing.T) {
	r := newWorld(t).replica()
	emails := make([]string, 1000)
	for i := range emails {
		emails[i] = fmt.Sprintf(`{"value":"%d@example.com"}`, i)
	}
	longest := strings.Repeat("x", 16<<10)
	for name, attributes := range map[string]string{
		"the longest string":      `"title":"` + longest + `"`,
		"the longest label":       `"emails":[{"value":"a@example.com","type":"` + longest + `"}]`,
		"the longest certificate": `"x509Certificates":[{"value":"` + strings.Repeat("QUJD", 16<<10) + `"}]`,
		"the most values":         `"emails":[` + strings.Join(emails, ",") + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.tryUser(`{"schemas":["` + scim.UserSchema + `"],"userName":"` + strings.ReplaceAll(name, " ", "-") + `",` + attributes + `}`)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatAPersonDeletesIsGoneAtOnce(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("grace"))
	if err := w.raw.remove(t.Context(), usersResource, u.ID, metav1.Preconditions{}, &api.ScimUser{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the user is gone", func() bool {
		_, err := r.Get(t.Context(), r.users.rt, u.ID)
		return err != nil
	})
	again := r.user(userBody("grace"))
	if again.ID == u.ID {
		t.Error("the id was given again")
	}
}

func TestOtherEndpointsAreNotSeen(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	other := w.start(func(c *Config) { c.Endpoint = "entra" }, nil)
	u := r.user(userBody("heidi"))
	other.user(userBody("heidi"))
	_, err := other.Get(t.Context(), other.users.rt, u.ID)
	requireNotFound(t, err)
	requireNotFound(t, other.rename(u.ID, "x"))
	if page := other.list(Query{Type: other.users.rt, Count: 10}); page.Total != 1 {
		t.Errorf("the other endpoint has %d users", page.Total)
	}
}

func TestARestartShowsTheSame(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("ivan", `"externalId":"1"`, `"emails":[{"value":"I@example.com"}]`))
	ids := make([]string, 1500)
	for i := range ids {
		ids[i] = fmt.Sprintf("unresolved-%d", i)
	}
	g := r.group(groupBody("Staff", append(ids, u.ID)...))
	r.stop()
	again := w.replica()
	read, err := again.Get(t.Context(), again.users.rt, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	inGroup := scim.Field{Attr: r.userAttributes.groups.attr, Value: read.Object().List(r.userAttributes.groups.attr)}
	if !read.Object().Equal(r.userAttributes.withGroups(r.users.rt.Pack(u.Object()), inGroup, read.Version).Object()) || generation(read.Version) != generation(u.Version) {
		t.Error("the user is not the same")
	}
	if groups, _ := scimtest.Value(read.Object(), "groups.value").(scim.List); len(groups) != 1 || groups[0] != g.ID {
		t.Errorf("the user's groups are %v", groups)
	}
	group, err := again.Get(t.Context(), again.groups.rt, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	if group.Members().Len() != 1501 {
		t.Errorf("the group has %d members", group.Members().Len())
	}
}
