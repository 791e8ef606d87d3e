// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
)

// TestStandingIsRemembered: who has lost the status, as after a restore, stands as before.
func TestStandingIsRemembered(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	active := []metav1.Condition{{Type: v1alpha1.ConditionActive, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonProvisioned}}
	departure := func(because string) *v1alpha1.Departure {
		return &v1alpha1.Departure{Wish: deactivate, HeldBecause: because, HoldID: "h1", Time: metav1.NewTime(now)}
	}
	for _, row := range []struct {
		name      string
		active    *bool
		departure *v1alpha1.Departure
		terms     Terms
		keeps     bool
	}{
		{"held", ptr.To(false), departure(reasonHeld), Terms{Served: true}, true},
		{"rejected", ptr.To(false), departure(reasonRejected), Terms{Served: true}, true},
		{"gone with a person's approval", ptr.To(false), departure(""), Terms{Served: true}, true},
		{"gone", ptr.To(false), &v1alpha1.Departure{Wish: deactivate, Time: metav1.NewTime(now)}, Terms{Served: true}, false},
		{"provisioning has ended", nil, nil, Terms{Ended: true}, true},
		{"provisioning has ended for one who is held", ptr.To(false), departure(reasonHeld), Terms{Ended: true}, true},
		{"nothing is wanted", nil, nil, Terms{Served: true}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(nil)
			u.Spec.EndpointRef.Name, u.Spec.Active = "okta", row.active
			u.Status.Conditions, u.Status.Departure = active, row.departure
			before := Stand(u, &row.terms, now)
			kept := before.Memory()
			if (kept != "") != row.keeps {
				t.Errorf("remembered: %q", kept)
			}
			u.Status = v1alpha1.ScimUserStatus{}
			if kept != "" {
				u.Annotations = map[string]string{v1alpha1.DepartureAnnotation: kept}
			}
			row.terms.Ended = false // the provider is gone by then
			after := Stand(u, &row.terms, now)
			if after.Active != before.Active || after.Reason != before.Reason || after.Ask {
				t.Errorf("%v %s became %v %s", before.Active, before.Reason, after.Active, after.Reason)
			}
			if again := after.Memory(); again != kept {
				t.Errorf("%q became %q", kept, again)
			}
		})
	}
}

// TestDeparturesAreRecovered: who had left before the restore is counted as of then.
func TestDeparturesAreRecovered(t *testing.T) {
	made := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	before, after := metav1.NewMicroTime(made.Add(-time.Minute)), metav1.NewMicroTime(made.Add(time.Minute))
	for _, row := range []struct {
		name              string
		active            *bool
		modified, deleted *metav1.MicroTime
		shown             bool
		want              v1alpha1.DeprovisioningPolicy // "" for no departure
	}{
		{"deactivated before the restore", ptr.To(false), &before, nil, false, deactivate},
		{"deleted before the restore", nil, &before, &before, false, deleted},
		{"active", nil, &before, nil, false, ""},
		{"new, and inactive from the beginning", ptr.To(false), nil, nil, false, ""},
		{"new, and changed before a manager has looked", ptr.To(false), &after, nil, false, ""},
		{"deleted since", nil, &before, &after, false, ""},
		{"known to have been inactive", ptr.To(false), &before, nil, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(nil)
			u.CreationTimestamp, u.Spec.EndpointRef.Name = metav1.NewTime(made), "okta"
			u.Spec.Active, u.Spec.LastModifiedTime, u.Spec.DeletedTime = row.active, row.modified, row.deleted
			if row.shown {
				u.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionActive, Status: metav1.ConditionFalse}}
			}
			d, _ := Recall(u)
			if (d != nil) != (row.want != "") || d != nil && (!d.Gone() || d.Wish != row.want || !d.Time.Equal(&metav1.Time{Time: before.Time})) {
				t.Errorf("recovered %+v", d)
			}
			if s := Stand(u, &Terms{Served: true}, made); d != nil && (s.Active || s.Ask || s.Memory() != "") {
				t.Errorf("stands as %+v", s)
			}
		})
	}
}

func TestMemoryThatCannotBeRead(t *testing.T) {
	u := user(nil)
	u.Annotations = map[string]string{v1alpha1.DepartureAnnotation: `{"wish":`}
	u.Status.Departure = &v1alpha1.Departure{HeldBecause: reasonHeld, HoldID: "h1"}
	if d, _ := Recall(u); d != u.Status.Departure {
		t.Errorf("recalled %+v", d)
	}
}

func TestVerdictNamesWhatWasShown(t *testing.T) {
	sealed := Seal("h1", []string{"b", "a", "c"})
	if same := Seal("h1", []string{"c", "b", "a"}); same != sealed || sealed.Members != 3 {
		t.Errorf("the order counts: %+v, %+v", sealed, same)
	}
	if more := Seal("h1", []string{"a", "b", "c", "d"}); more.Digest == sealed.Digest {
		t.Error("who is in it does not count")
	}
	text, err := FormatSealedHolds([]SealedHold{sealed})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, verdict, record, want, refused string }{
		{"what was shown", v1alpha1.HoldRef("h1", sealed.Digest), text, "h1", ""},
		{"without a digest", "h1", text, "", "h1"},
		{"other users", "h1@00", text, "", "h1@00"},
		{"a hold that was not shown", "h2@00", text, "", "h2@00"},
		{"nothing is on record", v1alpha1.HoldRef("h1", sealed.Digest), "", "", v1alpha1.HoldRef("h1", sealed.Digest)},
		{"the record cannot be read", v1alpha1.HoldRef("h1", sealed.Digest), "[", "", v1alpha1.HoldRef("h1", sealed.Digest)},
	} {
		t.Run(row.name, func(t *testing.T) {
			var terms Terms
			terms.Judge(map[string]string{v1alpha1.ApproveHeldAnnotation: row.verdict, v1alpha1.HoldsAnnotation: row.record})
			approved, refused := "", ""
			if len(terms.Approved) > 0 {
				approved = terms.Approved[0]
			}
			if len(terms.Refused) > 0 {
				refused = terms.Refused[0]
			}
			if approved != row.want || refused != row.refused || (terms.Verdict("h1") != "") != (row.want != "") {
				t.Errorf("approved %q, refused %q", approved, refused)
			}
		})
	}
}

func TestHoldNews(t *testing.T) {
	status := func(id string, queued int64) *v1alpha1.DeprovisioningStatus {
		s := &v1alpha1.DeprovisioningStatus{HoldID: id, Digest: "d"}
		if queued > 0 {
			s.Queued = &queued
		}
		return s
	}
	decided := status("h1", 0)
	decided.Verdict = v1alpha1.HoldApproved
	refused := status("h1", 0)
	refused.RefusedVerdict = "h1@x"
	for _, row := range []struct {
		name        string
		before, now *v1alpha1.DeprovisioningStatus
		reason      string
	}{
		{"nothing", nil, nil, ""},
		{"nobody is held", nil, status("", 0), ""},
		{"a hold", nil, status("h1", 0), v1alpha1.ReasonDeprovisioningHeld},
		{"the same hold", status("h1", 0), status("h1", 0), ""},
		{"another hold", status("h1", 0), status("h2", 0), v1alpha1.ReasonDeprovisioningHeld},
		{"it is decided", status("h1", 0), decided, ""},
		{"more are held", status("h1", 0), status("h1", 3), v1alpha1.ReasonHoldOpened},
		{"a few more", status("h1", 3), status("h1", 9), ""},
		{"ten times as many", status("h1", 3), status("h1", 30), v1alpha1.ReasonHoldGrown},
		{"fewer", status("h1", 30), status("h1", 3), ""},
		{"a verdict about others", status("h1", 0), refused, v1alpha1.ReasonVerdictRefused},
		{"it still stands there", refused, refused, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			reason := ""
			for _, news := range HoldNews(row.before, row.now) {
				reason += news.Reason
			}
			if reason != row.reason {
				t.Errorf("told of %q", reason)
			}
		})
	}
}
