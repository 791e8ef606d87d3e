// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"scim-operator.io/api/v1alpha1"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// days is a moment so many days from now.
func days(n int) time.Time { return now.AddDate(0, 0, n) }

// valid is a certificate with a life from one day to another, counted from now.
func valid(from, to int) *x509.Certificate {
	return &x509.Certificate{NotBefore: days(from), NotAfter: days(to)}
}

func usable(certificates ...*x509.Certificate) *Metadata {
	return &Metadata{EntityID: "https://idp", SignOnURL: "https://idp/sso", Certificates: certificates}
}

func with(m *Metadata, change func(*Metadata)) *Metadata {
	change(m)
	return m
}

func TestJudge(t *testing.T) {
	const (
		good     = v1alpha1.ReasonMetadataValid
		expiring = v1alpha1.ReasonCertificateExpiring
		expired  = v1alpha1.ReasonCertificateExpired
		bad      = v1alpha1.ReasonMetadataInvalid
	)
	never := time.Time{}
	afterSecond := func(t time.Time) time.Time { return t.Add(time.Second) }
	for _, row := range []struct {
		name       string
		metadata   *Metadata
		reason     string
		says       string
		nextExpiry time.Time
		nextCheck  time.Time
	}{
		{"a certificate for a year", usable(valid(-1, 365)), good, "expires on 2027-06-01", days(365), days(335)},
		{"one more day than 30", usable(valid(-1, 31)), good, "2026-07-02", days(31), days(1)},
		{"30 days", usable(valid(-1, 30)), expiring, "Sign-on stops on 2026-07-01", days(30), afterSecond(days(30))},
		{"the last second", usable(valid(-1, 0)), expiring, "2026-06-01", days(0), afterSecond(days(0))},
		{"expired yesterday", usable(valid(-365, -1)), expired, "the last on 2026-05-31", never, never},
		{"two, both expired", usable(valid(-9, -3), valid(-9, -2)), expired, "the last on 2026-05-30", never, never},
		{"one expired, one good", usable(valid(-365, -1), valid(-1, 365)), good, "2027-06-01", days(365), days(335)},
		{"one expiring, its successor good", usable(valid(-365, 9), valid(-1, 365)), good, "2026-06-10", days(9), afterSecond(days(9))},
		{"one expiring, its successor in time", usable(valid(-365, 9), valid(8, 365)), good, "2026-06-10", days(9), days(8)},
		{"one expiring, its successor too late", usable(valid(-365, 9), valid(10, 365)), expiring, "2026-06-10", days(9), afterSecond(days(9))},
		{"not valid yet", usable(valid(2, 365)), bad, "the first becomes valid on 2026-06-03", never, days(2)},
		{"one expired, one not valid yet", usable(valid(-9, -1), valid(2, 365)), bad, "2026-06-03", never, days(2)},
		{"no certificate", usable(), bad, "no signing certificate", never, never},
		{"no entity ID", with(usable(valid(-1, 365)), func(m *Metadata) { m.EntityID = "" }), bad, "no entity ID", days(365), days(335)},
		{"an endless entity ID", with(usable(valid(-1, 365)), func(m *Metadata) { m.EntityID = strings.Repeat("x", 1025) }), bad, "longer than 1024", days(365), days(335)},
		{"no sign-on URL", with(usable(valid(-1, 365)), func(m *Metadata) { m.SignOnURL = "" }), bad, "no sign-on URL", days(365), days(335)},
		{"plain http", with(usable(valid(-1, 365)), func(m *Metadata) { m.SignOnURL = "http://idp/sso" }), bad, "begins with http://", days(365), days(335)},
		{"no host", with(usable(valid(-1, 365)), func(m *Metadata) { m.SignOnURL = "https:///sso" }), bad, "is not a URL", days(365), days(335)},
		{"not a URL", with(usable(valid(-1, 365)), func(m *Metadata) { m.SignOnURL = "https://[" }), bad, "is not a URL", days(365), days(335)},
		{"an endless sign-on URL", with(usable(valid(-1, 365)), func(m *Metadata) { m.SignOnURL += strings.Repeat("x", 2048) }), bad, "longer than 2048", days(365), days(335)},
		{"the document valid for a week", with(usable(valid(-1, 365)), func(m *Metadata) { m.ValidUntil = days(7) }), good, "", days(365), days(7)},
		{"the document expired", with(usable(valid(-1, 365)), func(m *Metadata) { m.ValidUntil = days(0) }), bad, "was valid until 2026-06-01", days(365), days(335)},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := Judge(row.metadata, now)
			if v.OK != (row.reason == good || row.reason == expiring) || v.Reason != row.reason {
				t.Errorf("OK is %v with the reason %s, not %s: %s", v.OK, v.Reason, row.reason, v.Message)
			}
			if !strings.Contains(v.Message, row.says) {
				t.Errorf("%q does not say %q", v.Message, row.says)
			}
			if !v.NextExpiry.Equal(row.nextExpiry) {
				t.Errorf("the next expiry is %v, not %v", v.NextExpiry, row.nextExpiry)
			}
			if !v.NextCheck.Equal(row.nextCheck) {
				t.Errorf("the next check is %v, not %v", v.NextCheck, row.nextCheck)
			}
		})
	}
}

// Whoever judges again at NextCheck, and not before, must miss nothing.
func TestVerdictHoldsUntilNextCheck(t *testing.T) {
	for _, m := range []*Metadata{
		usable(valid(-1, 365)),
		usable(valid(5, 50)),
		usable(valid(-9, 3), valid(1, 90), valid(95, 400)),
		with(usable(valid(-1, 40)), func(m *Metadata) { m.ValidUntil = days(20) }),
	} {
		at, steps := now, 0
		for v := Judge(m, at); !v.NextCheck.IsZero(); v = Judge(m, at) {
			if !v.NextCheck.After(at) {
				t.Fatalf("the next check after %v is %v", at, v.NextCheck)
			}
			if before := Judge(m, v.NextCheck.Add(-time.Nanosecond)); before != v {
				t.Errorf("the verdict of %v has changed before %v: from %+v to %+v", at, v.NextCheck, v, before)
			}
			at = v.NextCheck
			if steps++; steps > 20 {
				t.Fatal("there is always a next check")
			}
		}
		if far := Judge(m, at.AddDate(100, 0, 0)); far != Judge(m, at) {
			t.Errorf("the verdict has changed after the last check: %+v", far)
		}
	}
}
