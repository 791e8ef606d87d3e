// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"

	"scim-operator.io/internal/scim/scimtest"
)

func immutable(c *Config) { c.ImmutableExternalIDs = true }

// Who is created is, or is not, the person whose record is there.
func TestAUserWhoComesBackHasTheOldID(t *testing.T) {
	const (
		title   = `"title":"A"`
		work    = `"emails":[{"value":"home@example.com"},{"value":"Carol@Example.com","primary":true}]`
		primary = `"emails":[{"value":" carol@example.COM "}]`
		second  = `"emails":[{"value":"home@example.com"}]`
		blank   = "\u00a0"
	)
	for _, row := range []struct {
		name          string
		before, after string
		same          bool
		immutably     bool // same where externalIds are immutable
	}{
		{"the same externalId and userName", userBody("carol", `"externalId":"1"`), userBody("Carol", `"externalId":"1"`), true, true},
		{"what is new replaces what was", userBody("carol", `"externalId":"1"`, title), userBody("Carol", `"externalId":"1"`, `"title":"B"`), true, true},
		{"another userName", userBody("carol", `"externalId":"1"`), userBody("carol2", `"externalId":"1"`), false, true},
		{"another userName, the same primary address", userBody("carol", `"externalId":"1"`, work), userBody("carol2", `"externalId":"1"`, primary), true, true},
		{"another userName, an address that is not primary", userBody("carol", `"externalId":"1"`, work), userBody("carol2", `"externalId":"1"`, second), false, true},
		{"another userName, no address any more", userBody("carol", `"externalId":"1"`, work), userBody("carol2", `"externalId":"1"`), false, true},
		{"another externalId", userBody("carol", `"externalId":"1"`, work), userBody("carol", `"externalId":"2"`, work), false, false},
		{"an externalId in another case", userBody("carol", `"externalId":"a"`, work), userBody("carol", `"externalId":"A"`, work), false, false},
		{"no externalId", userBody("carol", title), userBody("carol", title), false, false},
		{"an externalId where there was none", userBody("carol", title), userBody("carol", `"externalId":"1"`), false, false},
		{"a blank externalId", userBody("carol", `"externalId":" "`), userBody("carol", `"externalId":" "`), false, false},
		{"an externalId of a tab", userBody("carol", `"externalId":"\t"`), userBody("carol", `"externalId":"\t"`), false, false},
		{"an externalId of a no-break space", userBody("carol", `"externalId":"`+blank+`"`), userBody("carol", `"externalId":"`+blank+`"`), false, false},
		{"an externalId of a zero-width space", userBody("carol", `"externalId":"\u200b"`), userBody("carol", `"externalId":"\u200b"`), false, false},
	} {
		for _, mode := range []struct {
			name   string
			change func(*Config)
			same   bool
		}{{"reassignable", nil, row.same}, {"immutable", immutable, row.immutably}} {
			t.Run(row.name+"/"+mode.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				r := w.start(mode.change, nil)
				u := r.user(row.before)
				created := w.stored(u.ID).CreationTimestamp
				g := r.group(groupBody("Admins", u.ID))
				r.delete(r.users.rt, u.ID)
				back := r.user(row.after)
				if (back.ID == u.ID) != mode.same || back.Returned != mode.same {
					t.Errorf("the id was %s and is %s; returned: %v", u.ID, back.ID, back.Returned)
				}
				want := parse(t, r.users.rt, row.after).Object
				for _, attribute := range []string{"title", "userName"} {
					if got := scimtest.Value(back.Object(), attribute); got != scimtest.Value(want, attribute) {
						t.Errorf("%s is %v, want %v", attribute, got, scimtest.Value(want, attribute))
					}
				}
				stored := w.stored(back.ID)
				if (stored.Spec.ReturnedTime != nil) != mode.same {
					t.Errorf("returnedTime is %v", stored.Spec.ReturnedTime)
				}
				if mode.same && !stored.CreationTimestamp.Equal(&created) {
					t.Errorf("created was %v and is %v", created, stored.CreationTimestamp)
				}
				if groups := scimtest.Value(back.Object(), "groups"); (groups != nil) != mode.same {
					t.Errorf("the groups are %v", groups)
				}
				again := r.patch(r.users.rt, back.ID, `{"op":"replace","path":"nickName","value":"C"}`)
				if kept := w.stored(again.ID).Spec.ReturnedTime; (kept != nil) != mode.same || mode.same && !kept.Equal(stored.Spec.ReturnedTime) {
					t.Errorf("after a change returnedTime is %v", kept)
				}
				r.delete(r.groups.rt, g.ID)
				w.requireUnique()
			})
		}
	}
}

// Entra ID maps mailNickname to externalId unless an administrator maps another attribute.
// The nickname of a leaver is the next person's.
func TestANewPersonOfAReusedNicknameGetsNothingOfTheLeaver(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	leaver := r.user(userBody("john.smith@acme.com", `"externalId":"jsmith"`, `"title":"CFO"`,
		`"emails":[{"type":"work","value":"john.smith@acme.com","primary":true}]`))
	r.group(groupBody("Finance", leaver.ID))
	r.patch(r.users.rt, leaver.ID, `{"op":"Replace","path":"active","value":"False"}`)
	r.delete(r.users.rt, leaver.ID)

	hired := r.user(userBody("jane.smith@acme.com", `"externalId":"jsmith"`, `"active":true`,
		`"emails":[{"type":"work","value":"jane.smith@acme.com","primary":true}]`))
	if hired.ID == leaver.ID || hired.Returned {
		t.Errorf("the new person has the id %s of the leaver", leaver.ID)
	}
	if groups := scimtest.Value(hired.Object(), "groups"); groups != nil {
		t.Errorf("the new person is in %v", groups)
	}
	if title := scimtest.Value(hired.Object(), "title"); title != nil {
		t.Errorf("the new person is %v", title)
	}
	if record := w.stored(leaver.ID); record.Spec.DeletedTime == nil || record.Spec.UserName != "john.smith@acme.com" {
		t.Errorf("the leaver's record is %+v", record.Spec)
	}
	// Both agree with the leaver: it is the leaver.
	back := r.user(userBody("john.smith@acme.com", `"externalId":"jsmith"`))
	if back.ID != leaver.ID {
		t.Errorf("the leaver was %s and is %s", leaver.ID, back.ID)
	}
	w.requireUnique()
}

func TestOfSeveralRecordsTheOneOfThePersonIsGivenBack(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	first := r.user(userBody("john", `"externalId":"jsmith"`))
	r.delete(r.users.rt, first.ID)
	second := r.user(userBody("jane", `"externalId":"jsmith"`))
	r.delete(r.users.rt, second.ID)
	if back := r.user(userBody("john", `"externalId":"jsmith"`)); back.ID != first.ID {
		t.Errorf("the first was %s and is %s, the second %s", first.ID, back.ID, second.ID)
	}
	if back := r.user(userBody("jane", `"externalId":"jsmith"`)); back.ID != second.ID {
		t.Errorf("the second was %s and is %s", second.ID, back.ID)
	}
	w.requireUnique()
}

// The name of a deleted user may be another person's by then.
func TestAUserComesBackUnderAnotherName(t *testing.T) {
	w := newWorld(t)
	r := w.start(immutable, nil)
	u := r.user(userBody("dave", `"externalId":"7"`))
	r.delete(r.users.rt, u.ID)
	other := r.user(userBody("dave", `"externalId":"8"`))
	_, err := r.tryUser(userBody("dave", `"externalId":"7"`))
	requireTaken(t, err)
	back := r.user(userBody("dave2", `"externalId":"7"`))
	if back.ID != u.ID || other.ID == u.ID {
		t.Errorf("the id was %s and is %s", u.ID, back.ID)
	}
	w.requireUnique()
}

// A blank externalId reactivates nobody either.
func TestABlankExternalIDReactivatesNobody(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	r.user(userBody("erin", `"externalId":"\u00a0"`, `"active":false`))
	_, err := r.tryUser(userBody("erin", `"externalId":"\u00a0"`, `"active":true`))
	requireTaken(t, err)
	w.requireUnique()
}
