// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

// linkingBy configures an endpoint that speaks for acme.com.
func linkingBy(by api.Linking) func(*Config) {
	return func(c *Config) { c.Linking = &Linking{By: by, Domains: []string{"acme.com"}} }
}

func withApproval(c *Config) {
	linkingBy(api.LinkingByUserName)(c)
	c.Linking.Approval = true
}

// knowsOthers says whether the replica knows everybody who was here before.
func (r *replica) knowsOthers(ids map[string]string) bool {
	r.others.mu.Lock()
	defer r.others.mu.Unlock()
	for _, id := range ids {
		_, other := r.others.hashes[id]
		if _, own := r.index.view().users.live.find(id); !other && !own {
			return false
		}
	}
	return true
}

// unlinked makes a user as somebody with kubectl does.
func (w *world) unlinked(name string, spec api.ScimUserSpec) {
	w.t.Helper()
	u := &api.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace}, Spec: spec}
	if err := w.raw.create(w.t.Context(), usersResource, u, &api.ScimUser{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stored(id string) *api.ScimUser {
	w.t.Helper()
	u := &api.ScimUser{}
	if err := w.raw.get(w.t.Context(), usersResource, id, u); err != nil {
		w.t.Fatal(err)
	}
	return u
}

func (w *world) annotate(id, annotation, value string) {
	w.t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, annotation, value)
	if err := w.raw.mergePatch(w.t.Context(), usersResource, id, patch, &api.ScimUser{}); err != nil {
		w.t.Fatal(err)
	}
}

func (r *replica) awaitOthers(names ...string) {
	r.t.Helper()
	ids := map[string]string{}
	for _, name := range names {
		ids[name] = name
	}
	eventually(r.t, "those who were here before are known", func() bool { return r.knowsOthers(ids) })
}

func emails(addresses ...string) []api.MultiValue {
	values := make([]api.MultiValue, len(addresses))
	for i, a := range addresses {
		values[i].Value = a
	}
	return values
}

// spokenFor is a user with an address of the domain that the endpoint of linkingBy speaks for.
func spokenFor(userName string, more ...string) string {
	return userBody(userName, append(more, emailsJSON("somebody@acme.com"))...)
}

func emailsJSON(addresses ...string) string {
	type value struct {
		Value string `json:"value"`
	}
	list := make([]value, len(addresses))
	for i, a := range addresses {
		list[i].Value = a
	}
	encoded, _ := json.Marshal(list)
	return `"emails":` + string(encoded)
}

// Acts for the tests of crashes.

func hereBefore(nick, userName string) act {
	return act{fmt.Sprintf("%s was here before as %s", nick, userName), func(r *replica, ids map[string]string) error {
		id := "before-" + nick
		spec := api.ScimUserSpec{UserName: userName, Emails: emails("somebody@acme.com")}
		u := &api.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id, Namespace: r.namespace}, Spec: spec}
		ids[nick] = id
		return r.client.create(r.t.Context(), usersResource, u, &api.ScimUser{})
	}}
}

// editByHand is what people may do to a user who belongs to nobody, and the policy keeps
// them from doing to others.
func editByHand(nick, field, value string) act {
	return act{fmt.Sprintf("edit of %s, %s becomes %s", nick, field, value), func(r *replica, ids map[string]string) error {
		u := &api.ScimUser{}
		if err := r.client.get(r.t.Context(), usersResource, ids[nick], u); err != nil || u.Linked() {
			return err
		}
		patch := fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q},"spec":{%q:%q}}`, u.ResourceVersion, field, value)
		err := r.client.mergePatch(r.t.Context(), usersResource, u.Name, patch, &api.ScimUser{})
		if err == nil {
			r.awaitEdit(u.Name, field, value)
		}
		return err
	}}
}

// awaitEdit waits until the replica knows a userName that somebody has changed.
func (r *replica) awaitEdit(id, field, value string) {
	r.t.Helper()
	if field != "userName" {
		return
	}
	eventually(r.t, "the edit is known", func() bool {
		found, err := r.others.alike([]matchKey{newMatchKey(value)})
		return err == nil && len(found) == 1 && found[0] == id
	})
}

func removeByHand(nick string) act {
	return act{"removal of " + nick + " by hand", func(r *replica, ids map[string]string) error {
		u := &api.ScimUser{}
		if err := r.client.get(r.t.Context(), usersResource, ids[nick], u); err != nil || u.Linked() {
			return err
		}
		err := r.client.remove(r.t.Context(), usersResource, u.Name,
			metav1.Preconditions{UID: &u.UID, ResourceVersion: &u.ResourceVersion}, &api.ScimUser{})
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}}
}

func TestWhoIsAdopted(t *testing.T) {
	ada := func(addresses ...string) api.ScimUserSpec {
		return api.ScimUserSpec{UserName: "ada", Emails: emails(addresses...)}
	}
	for _, row := range []struct {
		name    string
		by      api.Linking // "" for an endpoint that does not link
		before  map[string]api.ScimUserSpec
		created string
		adopted string // the id, "" for a new user
		alike   string // whom the new user might be
	}{
		{"nobody where the endpoint does not link", "", map[string]api.ScimUserSpec{"a": ada()}, userBody("ada"), "", ""},
		{"the same userName", api.LinkingByUserName, map[string]api.ScimUserSpec{"a": ada("a@acme.com")}, spokenFor("ada"), "a", ""},
		{"the same userName in another case", api.LinkingByUserName, map[string]api.ScimUserSpec{"a": ada("a@acme.com")}, spokenFor(" ADA"), "a", ""},
		{"another userName", api.LinkingByUserName, map[string]api.ScimUserSpec{"a": ada()}, spokenFor("grace"), "", ""},
		{"the same userName, created without an address", api.LinkingByUserName, map[string]api.ScimUserSpec{"a": ada("a@acme.com")}, userBody("ada"), "", ""},
		{"the same address, by userName", api.LinkingByUserName, map[string]api.ScimUserSpec{"a": ada("a@acme.com")},
			userBody("grace", emailsJSON("a@acme.com")), "", ""},
		{"a userName that is an address of the domain", api.LinkingByUserName,
			map[string]api.ScimUserSpec{"a": {UserName: "Ada@acme.com"}}, userBody("ada@ACME.com"), "a", ""},
		{"a userName that is an address of another domain", api.LinkingByUserName,
			map[string]api.ScimUserSpec{"a": {UserName: "ada@example.com"}}, userBody("ada@example.com"), "", ""},
		{"two of one userName", api.LinkingByUserName, map[string]api.ScimUserSpec{"a": ada(), "b": ada()}, spokenFor("ada"), "", "a,b"},
		{"an address in common", api.LinkingByEmail, map[string]api.ScimUserSpec{"a": ada("x@acme.com", "a@acme.com")},
			userBody("00u1", emailsJSON("A@Acme.COM", "y@acme.com")), "a", ""},
		{"an address of another domain", api.LinkingByEmail, map[string]api.ScimUserSpec{"a": ada("a@example.com")},
			userBody("00u1", emailsJSON("a@example.com")), "", ""},
		{"an address of a domain below", api.LinkingByEmail, map[string]api.ScimUserSpec{"a": ada("a@x.acme.com")},
			userBody("00u1", emailsJSON("a@x.acme.com")), "", ""},
		{"an address of a domain that ends alike", api.LinkingByEmail, map[string]api.ScimUserSpec{"a": ada("a@notacme.com")},
			userBody("00u1", emailsJSON("a@notacme.com")), "", ""},
		{"an address that only ends in the domain", api.LinkingByEmail, map[string]api.ScimUserSpec{"a": ada("acme.com")},
			userBody("00u1", emailsJSON("acme.com")), "", ""},
		{"the same userName, by address", api.LinkingByEmail, map[string]api.ScimUserSpec{"a": ada("a@acme.com")}, userBody("ada"), "", ""},
		{"an address that two have", api.LinkingByEmail, map[string]api.ScimUserSpec{"a": ada("a@acme.com"), "b": {UserName: "b", Emails: emails("a@acme.com")}},
			userBody("00u1", emailsJSON("a@acme.com")), "", "a,b"},
		{"an address of each of two", api.LinkingByEmail, map[string]api.ScimUserSpec{"a": ada("a@acme.com"), "b": {UserName: "b", Emails: emails("b@acme.com")}},
			userBody("00u1", emailsJSON("a@acme.com", "b@acme.com")), "", "a,b"},
		{"one twice", api.LinkingByEmail, map[string]api.ScimUserSpec{"a": ada("a@acme.com", "b@acme.com")},
			userBody("00u1", emailsJSON("a@acme.com", "b@acme.com")), "a", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			var change func(*Config)
			if row.by != "" {
				change = linkingBy(row.by)
			}
			for name, spec := range row.before {
				w.unlinked(name, spec)
			}
			r := w.start(change, nil)
			u := r.user(row.created)
			stored := w.stored(u.ID)
			switch {
			case row.adopted != "" && u.ID != row.adopted:
				t.Fatalf("the user is %s, not who was here before", u.ID)
			case row.adopted == "" && row.before[u.ID].UserName != "":
				t.Fatalf("%s was given away", u.ID)
			case row.adopted == "":
				if alike := stored.Annotations[api.AmbiguousMatchAnnotation]; alike != row.alike {
					t.Errorf("it is noted that the user may be %q, want %q", alike, row.alike)
				}
				for name := range row.before {
					if w.stored(name).Linked() {
						t.Errorf("%s was linked", name)
					}
				}
			}
			if origin := stored.Origin(); (origin == api.OriginAdopted) != (row.adopted != "") {
				t.Errorf("the origin is %s", origin)
			}
			w.requireUnique()
		})
	}
}

func TestWhatAnAdoptedUserBecomes(t *testing.T) {
	w := newWorld(t)
	no := false
	w.unlinked("ada", api.ScimUserSpec{
		UserName: "ada", ExternalID: "old", Title: "Countess", Active: &no, Emails: emails("ada@acme.com"),
		PreferredLanguage: "en", Locale: "en-GB", Timezone: "Europe/London", PhoneNumbers: emails("+44 1"),
	})
	w.annotate("ada", "example.com/note", "kept")
	w.annotate("ada", api.AdoptionRequestedAnnotation, "okta")
	r := w.start(linkingBy(api.LinkingByUserName), nil)
	u := r.user(spokenFor("Ada", `"externalId":"1"`, `"locale":"fr-FR"`))
	for path, want := range map[string]any{
		"userName": "Ada", "externalId": "1", "title": nil, "active": true,
		"preferredLanguage": "en", "locale": "fr-FR", "timezone": "Europe/London",
	} {
		if got := scimtest.Value(u.Object(), path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	stored := w.stored("ada")
	if len(stored.Spec.PhoneNumbers) != 1 || stored.Spec.EndpointRef.Name != "okta" || stored.Labels[api.EndpointLabel] != "okta" ||
		len(stored.Finalizers) != 1 || stored.Finalizers[0] != api.ClaimsFinalizer {
		t.Errorf("stored is %+v", stored)
	}
	if _, noted := stored.Annotations[api.AdoptionRequestedAnnotation]; noted || stored.Annotations["example.com/note"] != "kept" {
		t.Errorf("the annotations are %v", stored.Annotations)
	}
	// The origin survives what comes after, and a PUT takes what it does not name.
	replace := func(current *scim.Object, _ *scim.Members) (*scim.Object, bool, error) {
		return r.users.rt.Replace(current, parse(t, r.users.rt, spokenFor("Ada")).Object)
	}
	if _, _, err := r.Update(t.Context(), r.users.rt, "ada", Match{}, replace); err != nil {
		t.Fatal(err)
	}
	if stored = w.stored("ada"); stored.Origin() != api.OriginAdopted || stored.Spec.Locale != "" {
		t.Errorf("after a PUT stored is %+v", stored.Spec)
	}
	r.delete(r.users.rt, "ada")
	if stored = w.stored("ada"); stored.Origin() != api.OriginAdopted {
		t.Error("the origin is lost with the deletion")
	}
	w.requireUnique()
}

func TestAnAdoptedUserIsShownAndOthersAreNot(t *testing.T) {
	w := newWorld(t)
	w.unlinked("ada", api.ScimUserSpec{UserName: "ada", Emails: emails("ada@acme.com")})
	w.unlinked("grace", api.ScimUserSpec{UserName: "grace", Emails: emails("grace@acme.com")})
	r := w.start(linkingBy(api.LinkingByUserName), nil)
	for _, id := range []string{"ada", "grace"} {
		_, err := r.Get(t.Context(), r.users.rt, id)
		requireNotFound(t, err)
		requireNotFound(t, r.rename(id, "x"))
	}
	r.user(spokenFor("ada"))
	if found := r.find(r.users.rt, ""); len(found) != 1 || found[0] != "ada" {
		t.Errorf("shown are %v", found)
	}
}

// requireNamesNothing checks that an answer tells its client nothing of Kubernetes, nor of what
// else is named.
func (w *world) requireNamesNothing(err error, names ...string) {
	w.t.Helper()
	for _, name := range append(names, w.namespace, "kubectl", "ScimUser", "scimuser", "scim-operator.io", "linking:") {
		if strings.Contains(err.Error(), name) {
			w.t.Errorf("the answer names %s: %v", name, err)
		}
	}
}

// Of a user without any address only the claimant says that it is the same person.
func TestAnAdoptionByTheNameAloneAlwaysWaitsForApproval(t *testing.T) {
	w := newWorld(t)
	w.unlinked("ada", api.ScimUserSpec{UserName: "ada"})
	r := w.start(linkingBy(api.LinkingByUserName), nil)
	_, err := r.tryUser(spokenFor("ada"))
	requireTaken(t, err)
	if u := w.stored("ada"); u.Linked() || u.Annotations[api.AdoptionRequestedAnnotation] != "okta" {
		t.Fatalf("stored is %+v with %v", u.Spec, u.Annotations)
	}
	w.annotate("ada", api.ApproveAdoptionAnnotation, "okta")
	if u := r.user(spokenFor("ada")); u.ID != "ada" {
		t.Errorf("the user is %s", u.ID)
	}
	w.requireUnique()
}

func TestAnAdoptionWaitsForApproval(t *testing.T) {
	w := newWorld(t)
	w.unlinked("ada", api.ScimUserSpec{UserName: "ada", Emails: emails("ada@acme.com")})
	okta := w.start(withApproval, nil)
	entra := w.start(func(c *Config) { withApproval(c); c.Endpoint = "entra" }, nil)
	_, err := okta.tryUser(spokenFor("ada"))
	requireTaken(t, err)
	if want := "once the administrator of this service approves"; !strings.Contains(err.Error(), want) {
		t.Errorf("the answer is %v", err)
	}
	w.requireNamesNothing(err)
	noted := w.stored("ada")
	_, err = okta.tryUser(spokenFor("ada"))
	requireTaken(t, err)
	if again := w.stored("ada"); again.ResourceVersion != noted.ResourceVersion || again.Annotations[api.AdoptionRequestedAnnotation] != "okta" {
		t.Errorf("asking again wrote %v", again.Annotations)
	}
	_, err = entra.tryUser(spokenFor("ada"))
	requireTaken(t, err)
	if asking := w.stored("ada").Annotations[api.AdoptionRequestedAnnotation]; asking != "entra,okta" {
		t.Errorf("%s are noted to ask", asking)
	}
	w.annotate("ada", api.ApproveAdoptionAnnotation, "okta")
	_, err = entra.tryUser(spokenFor("ada"))
	requireTaken(t, err)
	if u := okta.user(spokenFor("ada")); u.ID != "ada" {
		t.Errorf("the approved user is %s", u.ID)
	}
	_, err = entra.tryUser(spokenFor("ada"))
	requireTaken(t, err)
	w.requireNamesNothing(err, "okta")
	if claims := w.claims(); len(claims) != 1 {
		t.Errorf("the claims are %v", claims)
	}
}

func TestTwoProvidersDoNotFight(t *testing.T) {
	w := newWorld(t)
	w.unlinked("grace", api.ScimUserSpec{UserName: "grace", Emails: emails("grace@acme.com")})
	okta := w.start(linkingBy(api.LinkingByUserName), nil)
	var told atomic.Pointer[string]
	entra := w.start(func(c *Config) {
		linkingBy(api.LinkingByUserName)(c)
		c.Endpoint = "entra"
		c.Elsewhere = func(user, endpoint string) { text := user + " of " + endpoint; told.Store(&text) }
	}, nil)
	apart := w.start(func(c *Config) { c.Endpoint = "apart" }, nil)
	made := okta.user(spokenFor("ada"))
	entra.awaitOthers(made.ID)
	_, err := entra.tryUser(spokenFor("Ada"))
	requireTaken(t, err)
	if want := "a user with this userName is provisioned by another identity provider of this organization; remove the user there"; !strings.Contains(err.Error(), want) {
		t.Errorf("the answer is %v", err)
	}
	w.requireNamesNothing(err, "okta", made.ID)
	if who := told.Load(); who == nil || *who != made.ID+" of okta" {
		t.Errorf("nobody who may know was told whose the user is: %v", who)
	}
	if u := apart.user(spokenFor("ada")); u.ID == made.ID {
		t.Error("an endpoint that does not link took a user of another")
	}
	apart.delete(apart.users.rt, apart.find(apart.users.rt, "")[0])
	// Whoever removes the user leaves the name to the other.
	okta.delete(okta.users.rt, made.ID)
	var again *Resource
	eventually(t, "the removal is known", func() bool {
		again, err = entra.tryUser(spokenFor("ada"))
		return err == nil
	})
	if again.ID == made.ID {
		t.Error("a record of one endpoint went to the other")
	}
}

// However many want one user, one of them gets the user.
func TestRacingAdoptionsHaveOneOwner(t *testing.T) {
	w := newWorld(t)
	w.unlinked("ada", api.ScimUserSpec{UserName: "ada", Emails: emails("ada@acme.com")})
	var replicas []*replica
	for i := range 4 {
		replicas = append(replicas, w.start(func(c *Config) {
			linkingBy(api.LinkingByEmail)(c)
			c.Endpoint = []string{"okta", "entra"}[i%2]
		}, nil))
	}
	var adopted atomic.Int64
	var racing sync.WaitGroup
	for i := range 16 {
		racing.Go(func() {
			// By e-mail, so that the claims keep nobody from it.
			u, err := replicas[i%4].tryUser(userBody(fmt.Sprintf("ada-%d", i), emailsJSON("ada@acme.com")))
			switch {
			case err == nil && u.ID == "ada":
				adopted.Add(1)
			case err != nil:
				requireTaken(t, err)
			}
		})
	}
	racing.Go(func() {
		for i := range 20 {
			w.annotate("ada", "example.com/edit", fmt.Sprint(i))
		}
	})
	racing.Wait()
	if adopted.Load() != 1 {
		t.Errorf("%d have adopted one user", adopted.Load())
	}
	owner := w.stored("ada").Spec.EndpointRef.Name
	for _, r := range replicas {
		if _, err := r.live(t.Context(), r.users, "ada"); err != nil {
			t.Fatal(err)
		}
		_, err := r.Get(t.Context(), r.users.rt, "ada")
		if (err == nil) != (r.endpoint == owner) {
			t.Errorf("%s belongs to %s and is at %s: %v", "ada", owner, r.endpoint, err)
		}
	}
}

// One endpoint dies, or is held up, wherever it may while it adopts a user whom another
// wants as well: the user has one owner, and no name is blocked.
func TestCrashBetweenTwoEndpointsThatWantOneUser(t *testing.T) {
	for _, carriedOut := range []bool{false, true} {
		for n := range maxWrites {
			w := newWorld(t)
			w.unlinked("ada", api.ScimUserSpec{UserName: "v", Emails: emails("ada@acme.com")})
			f := &faults{}
			first := w.start(linkingBy(api.LinkingByUserName), f.wrap)
			second := w.start(linkingBy(api.LinkingByUserName), nil)
			entra := w.start(func(c *Config) { linkingBy(api.LinkingByUserName)(c); c.Endpoint = "entra" }, nil)
			second.timeouts.creation, entra.timeouts.creation = time.Millisecond, time.Millisecond
			f.crashAfter(n, carriedOut)
			_, err := first.tryUser(spokenFor("v"))
			crashed := f.crashed()
			first.stop()
			if err != nil && !crashed {
				t.Errorf("crash at write %d (%v): %v", n, f.written(), err)
			}
			_, entraErr := entra.tryUser(spokenFor("v"))
			_, err = second.tryUser(spokenFor("v"))
			owner := w.stored("ada").Spec.EndpointRef.Name
			switch owner {
			case "okta":
				requireTaken(t, entraErr)
			case "entra":
				requireTaken(t, err)
				// Whom entra gives up, and the claim that the crash left, block nobody.
				entra.delete(entra.users.rt, "ada")
				eventually(t, "the removal is known", func() bool {
					_, err = second.tryUser(spokenFor("v"))
					return err == nil
				})
			default:
				t.Errorf("crash at write %d (%v): nobody owns the user: %v, %v", n, f.written(), entraErr, err)
			}
			second.stop()
			entra.stop()
			if !crashed {
				return
			}
		}
	}
}

// Another endpoint adopts the user while the claim of this one is there and its write under
// way. The server may not touch the user any more, not even with a fence.
func TestAClaimOfAUserWhoWentElsewhereIsTakenOver(t *testing.T) {
	w := newWorld(t)
	w.unlinked("ada", api.ScimUserSpec{UserName: "v", Emails: emails("ada@acme.com")})
	stalling := &faults{}
	late := w.start(linkingBy(api.LinkingByUserName), stalling.wrap)
	forbidding := &forbidden{users: map[string]bool{}}
	r := w.start(nil, forbidding.wrap)
	entra := w.start(func(c *Config) { linkingBy(api.LinkingByUserName)(c); c.Endpoint = "entra" }, nil)
	release := stalling.block(usersResource, "update")
	done := make(chan error, 1)
	go func() { done <- errorOf(late.tryUser(spokenFor("v"))) }()
	eventually(t, "the adoption is under way", func() bool { return stalling.blocked() == 1 })
	if u := entra.user(spokenFor("v")); u.ID != "ada" {
		t.Fatalf("entra has %s", u.ID)
	}
	forbidding.users["ada"] = true
	first := r.user(spokenFor("v"))
	if first.ID == "ada" {
		t.Error("the user of another endpoint was taken")
	}
	release()
	requireTaken(t, <-done)
	if stored := w.stored("ada"); stored.Spec.EndpointRef.Name != "entra" {
		t.Errorf("the user belongs to %s", stored.Spec.EndpointRef.Name)
	}

	// A takeover that was not finished remembers whom to fence.
	var claim api.ScimClaim
	u := r.users.unique[0]
	if err := w.raw.get(t.Context(), claimsResource, r.claimName(u, "v"), &claim); err != nil {
		t.Fatal(err)
	}
	r.delete(r.users.rt, first.ID)
	if _, err := r.acquire(t.Context(), u, "v", claimant{id: first.ID, existing: true}); err != nil {
		t.Fatal(err)
	}
	if err := w.raw.get(t.Context(), claimsResource, r.claimName(u, "v"), &claim); err != nil {
		t.Fatal(err)
	}
	claim.Spec.PreviousHolderRef = &api.ObjectReference{Name: "ada"}
	if err := w.raw.update(t.Context(), claimsResource, &claim, &api.ScimClaim{}); err != nil {
		t.Fatal(err)
	}
	r.user(spokenFor("v"))
}

// forbidden is a client whom the admission policies keep from users of others.
type forbidden struct {
	client
	users map[string]bool
}

func (f *forbidden) wrap(c client) client {
	f.client = c
	return f
}

func (f *forbidden) mergePatch(ctx context.Context, r resource, name string, patch []byte, into object) error {
	if f.users[name] {
		return apierrors.NewForbidden(api.Resource(string(r)), name, errors.New("another endpoint has no say over it"))
	}
	return f.client.mergePatch(ctx, r, name, patch, into)
}

// Somebody else changes the user, or takes the match away, while the adoption is under way.
func TestAnEditWhileAnAdoptionIsUnderWay(t *testing.T) {
	for _, row := range []struct {
		name    string
		edit    string
		adopted bool
	}{
		{"another attribute", `{"spec":{"timezone":"Europe/Paris"}}`, true},
		{"the userName", `{"spec":{"userName":"grace"}}`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			w.unlinked("ada", api.ScimUserSpec{UserName: "ada", Emails: emails("ada@acme.com")})
			f := &faults{}
			r := w.start(linkingBy(api.LinkingByUserName), f.wrap)
			release := f.block(usersResource, "update")
			type result struct {
				user *Resource
				err  error
			}
			done := make(chan result, 1)
			go func() {
				u, err := r.tryUser(spokenFor("ada"))
				done <- result{u, err}
			}()
			eventually(t, "the adoption is under way", func() bool { return f.blocked() == 1 })
			if err := w.raw.mergePatch(t.Context(), usersResource, "ada", []byte(row.edit), &api.ScimUser{}); err != nil {
				t.Fatal(err)
			}
			release()
			got := <-done
			if got.err != nil || (got.user.ID == "ada") != row.adopted {
				t.Fatalf("%v, %v", got.user, got.err)
			}
			if row.adopted && scimtest.Value(got.user.Object(), "timezone") != "Europe/Paris" {
				t.Error("the edit is lost")
			}
			w.requireUnique()
		})
	}
}

func TestNobodyIsCreatedBeforeThoseWhoWereHereAreKnown(t *testing.T) {
	w := newWorld(t)
	c := w.config()
	linkingBy(api.LinkingByUserName)(&c)
	s, err := newStore(c, w.raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.adopting(t.Context(), parse(t, s.users.rt, spokenFor("ada")).Object, "ada"); err == nil {
		t.Error("a user could be missed")
	}
	if err := s.others.ready(); err == nil {
		t.Error("it is ready before it has looked")
	}
}

func TestAnAnswerAboutAnotherProviderIsAConflict(t *testing.T) {
	requireStatus(t, errProvisionedElsewhere("userName"), http.StatusConflict, scim.ScimTypeUniqueness)
	requireStatus(t, errNotApproved("userName"), http.StatusConflict, scim.ScimTypeUniqueness)
}
