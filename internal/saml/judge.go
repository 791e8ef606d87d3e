// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"time"

	"scim-operator.io/api/v1alpha1"
)

// ExpiryWarning is how long before sign-on stops for want of a certificate Judge warns.
const ExpiryWarning = 30 * 24 * time.Hour

// Verdict says whether metadata is usable for single sign-on.
type Verdict struct {
	// OK is true when it is usable now.
	OK bool
	// Reason is one of the reasons of the SSOConfigured condition, Message a sentence.
	Reason, Message string
	// NextExpiry is when the first certificate that is valid now expires; zero when none is.
	NextExpiry time.Time
	// NextCheck is when the verdict may change by the passing of time alone; zero for never.
	NextCheck time.Time
}

// finding is what a check has to say; the first check that has something to say decides.
type finding struct {
	ok              bool
	reason, message string
}

type check func(*Metadata, time.Time) (finding, bool)

var checks = []check{
	entityIDPresent,
	signOnURLSecure,
	documentCurrent,
	certificatePresent,
	certificateValid,
	certificateLasting,
}

// Judge says whether the metadata is usable at the given time: it has an entity ID, an
// HTTPS sign-on URL and a signing certificate that is valid, and has not itself expired.
// Once no known certificate covers the next 30 days, it is still OK, with the reason
// CertificateExpiring; a successor that is already in the metadata averts the warning. The
// message names what was passed over because it cannot be read.
func Judge(m *Metadata, now time.Time) Verdict {
	verdict := Verdict{NextExpiry: nextExpiry(m, now), NextCheck: nextCheck(m, now)}
	for _, judge := range checks {
		if f, decided := judge(m, now); decided {
			verdict.OK, verdict.Reason, verdict.Message = f.ok, f.reason, f.message+m.passedOver()
			return verdict
		}
	}
	verdict.OK, verdict.Reason = true, v1alpha1.ReasonMetadataValid
	verdict.Message = fmt.Sprintf("Single sign-on is configured; the first signing certificate expires on %s.", date(verdict.NextExpiry)) + m.passedOver()
	return verdict
}

func entityIDPresent(m *Metadata, _ time.Time) (finding, bool) {
	switch {
	case m.EntityID == "":
		return unusable("The SAML metadata has no entity ID (the attribute entityID of EntityDescriptor); take the metadata from the identity provider again.")
	case len(m.EntityID) > MaxEntityID:
		return unusable("The entity ID in the SAML metadata is longer than %d characters; set a shorter one at the identity provider.", MaxEntityID)
	default:
		return finding{}, false
	}
}

func signOnURLSecure(m *Metadata, _ time.Time) (finding, bool) {
	switch u, err := url.Parse(m.SignOnURL); {
	case m.SignOnURL == "":
		return unusable("The SAML metadata has no sign-on URL for HTTP-Redirect or HTTP-POST; enable one of these bindings at the identity provider, and take its metadata again.")
	case len(m.SignOnURL) > MaxURL:
		return unusable("The sign-on URL in the SAML metadata is longer than %d characters; set a shorter one at the identity provider.", MaxURL)
	case err != nil || u.Hostname() == "":
		return unusable("The sign-on URL in the SAML metadata is not a URL; correct it at the identity provider, and take its metadata again.")
	case u.Scheme != "https":
		return unusable("The sign-on URL in the SAML metadata is not HTTPS: it begins with %.16s://; serve sign-on over HTTPS, and take the identity provider's metadata again.", u.Scheme)
	default:
		return finding{}, false
	}
}

func documentCurrent(m *Metadata, now time.Time) (finding, bool) {
	if m.ValidUntil.IsZero() || now.Before(m.ValidUntil) {
		return finding{}, false
	}
	return unusable("The SAML metadata was valid until %s; give the identity provider's present metadata, or its URL.", date(m.ValidUntil))
}

func certificatePresent(m *Metadata, _ time.Time) (finding, bool) {
	if len(m.Certificates) > 0 {
		return finding{}, false
	}
	if len(m.PassedOver) > 0 {
		return unusable("The SAML metadata has no signing certificate that can be read; take the metadata from the identity provider again, or replace the certificate there.")
	}
	return unusable("The SAML metadata has no signing certificate; set one at the identity provider, and take its metadata again.")
}

func certificateValid(m *Metadata, now time.Time) (finding, bool) {
	if slices.ContainsFunc(m.Certificates, func(c *x509.Certificate) bool { return validAt(c, now) }) {
		return finding{}, false
	}
	if next := firstToBegin(m.Certificates, now); next != nil {
		return unusable("No signing certificate in the SAML metadata is valid yet; the first becomes valid on %s. Sign-on is configured then, or with a certificate that is valid now.", date(next.NotBefore))
	}
	last := slices.MaxFunc(m.Certificates, byExpiry)
	return finding{reason: v1alpha1.ReasonCertificateExpired,
		message: fmt.Sprintf("Every signing certificate in the SAML metadata has expired, the last on %s; renew it at the identity provider, and give the new metadata.", date(last.NotAfter))}, true
}

func certificateLasting(m *Metadata, now time.Time) (finding, bool) {
	end := coveredUntil(m.Certificates, now)
	if end.After(now.Add(ExpiryWarning)) {
		return finding{}, false
	}
	return finding{ok: true, reason: v1alpha1.ReasonCertificateExpiring,
		message: fmt.Sprintf("Sign-on stops on %s, when the signing certificate expires; give the identity provider's new metadata before.", date(end))}, true
}

func unusable(format string, args ...any) (finding, bool) {
	return finding{reason: v1alpha1.ReasonMetadataInvalid, message: fmt.Sprintf(format, args...)}, true
}

// coveredUntil is how long from now on some certificate is always valid.
func coveredUntil(certificates []*x509.Certificate, now time.Time) time.Time {
	byStart := slices.SortedFunc(slices.Values(certificates), func(a, b *x509.Certificate) int {
		return a.NotBefore.Compare(b.NotBefore)
	})
	until := now
	for _, c := range byStart {
		if !c.NotBefore.After(until) && c.NotAfter.After(until) {
			until = c.NotAfter
		}
	}
	return until
}

func nextExpiry(m *Metadata, now time.Time) time.Time {
	var next time.Time
	for _, c := range m.Certificates {
		if validAt(c, now) {
			next = earlier(next, c.NotAfter)
		}
	}
	return next
}

// nextCheck is the first moment after now at which any check may begin to say something else.
func nextCheck(m *Metadata, now time.Time) time.Time {
	moments := make([]time.Time, 0, 1+3*len(m.Certificates))
	moments = append(moments, m.ValidUntil)
	for _, c := range m.Certificates {
		// A certificate is still valid in the second of its NotAfter.
		moments = append(moments, c.NotBefore, c.NotAfter.Add(-ExpiryWarning), c.NotAfter.Add(time.Second))
	}
	var next time.Time
	for _, moment := range moments {
		if moment.After(now) {
			next = earlier(next, moment)
		}
	}
	return next
}

func firstToBegin(certificates []*x509.Certificate, now time.Time) *x509.Certificate {
	var first *x509.Certificate
	for _, c := range certificates {
		if c.NotBefore.After(now) && (first == nil || c.NotBefore.Before(first.NotBefore)) {
			first = c
		}
	}
	return first
}

func validAt(c *x509.Certificate, t time.Time) bool {
	return !t.Before(c.NotBefore) && t.Before(c.NotAfter.Add(time.Second))
}

func byExpiry(a, b *x509.Certificate) int { return cmp.Compare(a.NotAfter.Unix(), b.NotAfter.Unix()) }

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
