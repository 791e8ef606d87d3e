// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"scim-operator.io/api/v1alpha1"
)

// in2030 is a time at which every certificate in testdata is valid.
var in2030 = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// requireUsable parses a variation of Okta's document and checks that sign-on is configured by it.
func requireUsable(t *testing.T, document []byte) *Metadata {
	t.Helper()
	m, err := Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	if verdict := Judge(m, in2030); verdict.Reason != v1alpha1.ReasonMetadataValid {
		t.Errorf("the verdict is %s: %s", verdict.Reason, verdict.Message)
	}
	if m.EntityID != oktaEntityID || m.SignOnURL != oktaSignOnURL {
		t.Errorf("the entity ID is %q, the sign-on URL %q", m.EntityID, m.SignOnURL)
	}
	return m
}

const (
	oktaEntityID  = "http://www.okta.com/exk7w2m9qkBvT4sXh5d7"
	oktaSignOnURL = "https://acme.okta.com/app/acme_scimoperator_1/exk7w2m9qkBvT4sXh5d7/sso/saml"
)

// TestOnlyWhatSignOnNeedsIsJudged changes what sign-on does not use, in ways that real documents have.
func TestOnlyWhatSignOnNeedsIsJudged(t *testing.T) {
	okta := string(readTestdata(t, "okta.xml"))
	onEntity := func(attributes string) string {
		return strings.Replace(okta, "<md:EntityDescriptor ", "<md:EntityDescriptor "+attributes+" ", 1)
	}
	onRole := func(attributes string) string {
		return strings.Replace(okta, "<md:IDPSSODescriptor ", "<md:IDPSSODescriptor "+attributes+" ", 1)
	}
	inRole := func(elements string) string {
		return strings.Replace(okta, "<md:NameIDFormat>", elements+"<md:NameIDFormat>", 1)
	}
	beside := func(elements string) string {
		return strings.Replace(okta, "</md:EntityDescriptor>", elements+"</md:EntityDescriptor>", 1)
	}
	const (
		redirect = `Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"`
		soap     = `Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP"`
		saml2    = `protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"`
	)
	for _, row := range []struct{ name, document string }{
		{"the role may be cached for an hour", onRole(`cacheDuration="PT1H"`)},
		{"the role expires at a time without a zone", onRole(`validUntil="2053-11-28T02:01:52"`)},
		{"the role expires at the zero time of Go", onRole(`validUntil="0001-01-01T00:00:00Z"`)},
		{"the federation may be cached", strings.Replace(group(withoutDeclaration(okta)), ">", ` cacheDuration="PT1H">`, 1)},
		{"another role expires at a time without a zone", beside(`<md:AttributeAuthorityDescriptor validUntil="2020-01-01T00:00:00" ` + saml2 + `/>`)},
		{"another role may be cached", beside(`<md:SPSSODescriptor cacheDuration="PT1H" ` + saml2 + `/>`)},
		{"another role has expired", beside(`<md:SPSSODescriptor validUntil="2020-01-01T00:00:00Z" ` + saml2 + `/>`)},
		{"another entity has expired", group(withoutDeclaration(okta) + `<md:EntityDescriptor entityID="sp" validUntil="2020-01-01T00:00:00Z"><md:SPSSODescriptor ` + saml2 + `/></md:EntityDescriptor>`)},
		{"another entity has a certificate that cannot be read", group(withoutDeclaration(okta) + `<md:EntityDescriptor entityID="sp"><md:SPSSODescriptor ` + saml2 + `><md:KeyDescriptor><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>x</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor></md:SPSSODescriptor></md:EntityDescriptor>`)},

		{"logout without a URL", inRole(`<md:SingleLogoutService ` + redirect + ` Location=""/>`)},
		{"logout at a dash", inRole(`<md:SingleLogoutService ` + redirect + ` Location="-"/>`)},
		{"logout at a path", inRole(`<md:SingleLogoutService ` + redirect + ` Location="/logout" ResponseLocation=""/>`)},
		{"artifacts at a path", inRole(`<md:ArtifactResolutionService ` + soap + ` index="first" isDefault="yes" Location="/artifact"/>`)},
		{"signed requests: no", strings.Replace(okta, `WantAuthnRequestsSigned="false"`, `WantAuthnRequestsSigned="no"`, 1)},
		{"signed requests: empty", strings.Replace(okta, `WantAuthnRequestsSigned="false"`, `WantAuthnRequestsSigned=""`, 1)},
		{"blanks around the sign-on URL", strings.ReplaceAll(strings.ReplaceAll(okta, `Location="https`, `Location=" https`), `/sso/saml"`, "/sso/saml\n\t\"")},
		{"blanks around the entity ID", strings.Replace(okta, `entityID="`, `entityID=" `, 1)},
		{"blanks around a binding", strings.Replace(okta, `HTTP-Redirect"`, `HTTP-Redirect "`, 1)},
		{"blanks around the use of a key", strings.Replace(okta, `use="signing"`, `use=" signing "`, 1)},
		{"an attribute of somebody else", onEntity(`xmlns:x="urn:x" x:validUntil="2020-01-01T00:00:00Z" x:entityID="x"`)},
		{"the sign-on service of an extension", inRole(`<x:SingleSignOnService xmlns:x="urn:x" ` + redirect + ` Location="https://elsewhere"/>`)},
		{"an attribute whose type is odd", inRole(`<saml:Attribute xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Name="" FriendlyName=""/>`)},
		{"a contact of an unknown type", beside(`<md:ContactPerson contactType="boss"/><md:AdditionalMetadataLocation namespace="">-</md:AdditionalMetadataLocation>`)},

		{"cached for a number of seconds", onEntity(`cacheDuration="604800"`)},
		{"cached for a week", onEntity(`cacheDuration="P1W"`)},
		{"cached for nothing", onEntity(`cacheDuration=""`)},
		{"cached for a fraction of a year", onRole(`cacheDuration="P0.5Y"`)},
		{"expires on a date", onEntity(`validUntil="2053-11-28"`)},
		{"expired on a date", onEntity(`validUntil="2020-11-28"`)},
		{"expires tomorrow", onEntity(`validUntil="tomorrow"`)},
		{"expires at nothing", onEntity(`validUntil=""`)},
		{"expires at a time with blanks", onEntity(`validUntil=" 2053-11-28T02:01:52Z "`)},
		{"expires after the year 9999", onEntity(`validUntil="12000-01-01T00:00:00Z"`)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if m := requireUsable(t, []byte(row.document)); len(m.Certificates) != 1 {
				t.Errorf("it has %d signing certificates, not 1", len(m.Certificates))
			}
		})
	}
}

func TestTheFirstUsableSignOnURLCounts(t *testing.T) {
	const redirect, post = "HTTP-Redirect", "HTTP-POST"
	type service struct{ binding, location string }
	for _, row := range []struct {
		name    string
		offered []service
		want    string
	}{
		{"an empty one first", []service{{redirect, ""}, {redirect, "https://idp/sso"}}, "https://idp/sso"},
		{"plain HTTP for the preferred binding", []service{{redirect, "http://idp/sso"}, {post, "https://idp/sso"}}, "https://idp/sso"},
		{"a path for the preferred binding", []service{{redirect, "/sso"}, {post, "https://idp/sso"}}, "https://idp/sso"},
		{"none is usable", []service{{post, "/sso"}, {redirect, "http://idp/sso"}}, "http://idp/sso"},
		{"only an empty one", []service{{redirect, " "}}, ""},
	} {
		var services strings.Builder
		for _, s := range row.offered {
			services.WriteString(`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:` + s.binding + `" Location="` + s.location + `"/>`)
		}
		m, err := Parse([]byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"><IDPSSODescriptor>` + services.String() + `</IDPSSODescriptor></EntityDescriptor>`))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
		} else if m.SignOnURL != row.want {
			t.Errorf("%s: the sign-on URL is %q, not %q", row.name, m.SignOnURL, row.want)
		}
	}
}

// TestEncodings writes one document, whose organization has a name with an accent, in the encodings
// that XML names, and with declarations that do not fit.
func TestEncodings(t *testing.T) {
	document := func(declaration string) string {
		return declaration + strings.Replace(withoutDeclaration(string(readTestdata(t, "okta.xml"))), "</md:EntityDescriptor>",
			`<md:Organization><md:OrganizationName xml:lang="fr">Société</md:OrganizationName></md:Organization></md:EntityDescriptor>`, 1)
	}
	declared := func(encoding string) string {
		return document(`<?xml version="1.0" encoding="` + encoding + `"?>` + "\n")
	}
	written := func(e encoding.Encoding, text string) []byte {
		encoded, err := e.NewEncoder().Bytes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	marked, bare := unicode.UseBOM, unicode.IgnoreBOM
	for _, row := range []struct {
		name     string
		document []byte
	}{
		{"UTF-8 with a byte order mark", []byte("\ufeff" + declared("UTF-8"))},
		{"a byte order mark and a declaration of something else", []byte("\ufeff" + declared("ISO-8859-1"))},
		{"UTF-16, big end first", written(unicode.UTF16(unicode.BigEndian, marked), declared("UTF-16"))},
		{"UTF-16, little end first", written(unicode.UTF16(unicode.LittleEndian, marked), declared("utf-16"))},
		{"UTF-16 without a declaration", written(unicode.UTF16(unicode.LittleEndian, marked), document(""))},
		{"UTF-16 without a mark", written(unicode.UTF16(unicode.LittleEndian, bare), declared("UTF-16LE"))},
		{"UTF-16 with blanks before it", written(unicode.UTF16(unicode.BigEndian, bare), "\n "+document(""))},
		{"UTF-16 that is declared as UTF-8", written(unicode.UTF16(unicode.LittleEndian, marked), declared("UTF-8"))},
		{"UTF-32", written(utf32.UTF32(utf32.BigEndian, utf32.UseBOM), declared("UTF-32"))},
		{"UTF-32 without a mark", written(utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), declared("ISO-10646-UCS-4"))},
		{"ISO-8859-1", written(charmap.ISO8859_1, declared("ISO-8859-1"))},
		{"ISO-8859-15", written(charmap.ISO8859_15, declared("iso-8859-15"))},
		{"windows-1252", written(charmap.Windows1252, declared("windows-1252"))},
		{"US-ASCII", []byte(strings.ReplaceAll(declared("US-ASCII"), "é", "&#233;"))},
		{"ISO-2022-JP", written(japanese.ISO2022JP, strings.ReplaceAll(declared("ISO-2022-JP"), "Société", "会社"))},
		{"Shift_JIS", written(japanese.ShiftJIS, strings.ReplaceAll(declared("Shift_JIS"), "Société", "会社"))},
		{"text that is declared as UTF-16", []byte(declared("UTF-16"))},
		{"text that is declared as windows-1252", []byte(declared("windows-1252"))},
		{"text that is declared as what nobody knows", []byte(declared("x-unknown"))},
		{"single quotes", []byte(document(`<?xml version='1.0' encoding='utf-8' standalone='yes'?>`))},
		{"XML 1.1", []byte(document(`<?xml version="1.1" encoding="UTF-8"?>`))},
		{"XML 1.1 in UTF-16", written(unicode.UTF16(unicode.LittleEndian, marked), document(`<?xml version="1.1" encoding="UTF-16"?>`))},
		{"blanks before the declaration", []byte("\r\n\t " + declared("UTF-8"))},
	} {
		t.Run(row.name, func(t *testing.T) { requireUsable(t, row.document) })
	}
	for _, row := range []struct {
		name     string
		document []byte
		want     string
	}{
		{"an encoding that nobody knows", written(charmap.ISO8859_1, declared("x-unknown")), `its encoding "x-unknown" cannot be read; save it as UTF-8`},
		{"ISO-8859-1 that says nothing", written(charmap.ISO8859_1, document("")), "it is not UTF-8 and declares no other encoding"},
		{"ISO-8859-1 that says UTF-8", written(charmap.ISO8859_1, declared("UTF-8")), "it is not UTF-8 and declares no other encoding"},
		{"ISO-8859-1 that says UTF-16", written(charmap.ISO8859_1, declared("UTF-16")), "it is not UTF-8 and declares no other encoding"},
		{"entities in UTF-16", written(unicode.UTF16(unicode.LittleEndian, marked), `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>`), "document type declaration"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := Parse(row.document); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v, not %q", err, row.want)
			}
		})
	}
}

// signer is a certificate and its key.
type signer struct {
	*x509.Certificate
	key crypto.Signer
}

// newKey is a key for one test.
func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate for a key, valid from one day to another, counted from now. It signs itself
// without an issuer.
func issue(t *testing.T, name string, key crypto.Signer, issuer *signer, from, to int) *signer {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: days(from), NotAfter: days(to),
		IsCA: issuer == nil, BasicConstraintsValid: true,
	}
	made := &signer{key: key}
	if issuer == nil {
		issuer = &signer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.Certificate, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	if made.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return made
}

// withKeys is metadata whose only role has the given elements for keys.
func withKeys(keys string) []byte {
	return []byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp">` +
		`<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys +
		`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp/sso"/></IDPSSODescriptor></EntityDescriptor>`)
}

// keyInfo is a KeyDescriptor that has one X509Data for each list of certificates.
func keyInfo(data ...[]string) string {
	var b strings.Builder
	b.WriteString(`<KeyDescriptor use="signing"><ds:KeyInfo>`)
	for _, certificates := range data {
		b.WriteString("<ds:X509Data><ds:X509SubjectName>CN=any</ds:X509SubjectName>")
		for _, certificate := range certificates {
			b.WriteString("<ds:X509Certificate>" + certificate + "</ds:X509Certificate>")
		}
		b.WriteString("</ds:X509Data>")
	}
	b.WriteString("</ds:KeyInfo></KeyDescriptor>")
	return b.String()
}

func encoded(s *signer) string { return base64.StdEncoding.EncodeToString(s.Raw) }

// TestWhichCertificatesSign lists what identity providers put into KeyDescriptors (XML Signature §4.5.4).
func TestWhichCertificatesSign(t *testing.T) {
	const year = 365
	ca := issue(t, "Acme CA", newKey(t), nil, -year, 10*year)
	leaf := issue(t, "idp.acme.com", newKey(t), ca, -9, year)
	expired := issue(t, "idp.acme.com", newKey(t), ca, -9, -1)
	intermediate := issue(t, "Acme Issuing CA", newKey(t), nil, -year, 10*year)
	intermediate = issue(t, "Acme Issuing CA", intermediate.key, ca, -year, 5*year)
	deep := issue(t, "idp.acme.com", newKey(t), intermediate, -9, year)
	one, two := issue(t, "idp", newKey(t), nil, -9, 40), issue(t, "idp", newKey(t), nil, -9, year)
	renewed := issue(t, "idp", one.key, nil, -1, 2*year)
	sameName := issue(t, "Acme CA", newKey(t), ca, -9, -1)
	negative := strings.TrimSpace(string(readTestdata(t, "negative-serial.b64")))

	const valid, gone, bad = v1alpha1.ReasonMetadataValid, v1alpha1.ReasonCertificateExpired, v1alpha1.ReasonMetadataInvalid
	for _, row := range []struct {
		name   string
		keys   string
		sign   []*signer
		reason string
		says   string
	}{
		{"two certificates in one X509Data", keyInfo([]string{encoded(one), encoded(two)}), []*signer{one, two}, valid, ""},
		{"two X509Data in one KeyInfo", keyInfo([]string{encoded(one)}, []string{encoded(two)}), []*signer{one, two}, valid, ""},
		{"two KeyDescriptors", keyInfo([]string{encoded(one)}) + keyInfo([]string{encoded(two)}), []*signer{one, two}, valid, ""},
		{"a renewed certificate of the same key", keyInfo([]string{encoded(one), encoded(renewed)}), []*signer{one, renewed}, valid, ""},
		{"a CA alone", keyInfo([]string{encoded(ca)}), []*signer{ca}, valid, ""},
		{"a leaf and its CA", keyInfo([]string{encoded(leaf), encoded(ca)}), []*signer{leaf}, valid, ""},
		{"the CA first", keyInfo([]string{encoded(ca), encoded(leaf)}), []*signer{leaf}, valid, ""},
		{"the CA in another X509Data", keyInfo([]string{encoded(leaf)}, []string{encoded(ca)}), []*signer{leaf}, valid, ""},
		{"a chain of three", keyInfo([]string{encoded(ca), encoded(deep), encoded(intermediate)}), []*signer{deep}, valid, ""},
		{"an expired leaf and its valid CA", keyInfo([]string{encoded(expired), encoded(ca)}), []*signer{expired}, gone, "the last on 2026-05-31"},
		{"an expired leaf with the name of its CA", keyInfo([]string{encoded(sameName), encoded(ca)}), []*signer{sameName}, gone, "the last on 2026-05-31"},
		{"an expired leaf, its successor and their CA", keyInfo([]string{encoded(expired), encoded(leaf), encoded(ca)}), []*signer{expired, leaf}, valid, ""},
		{"a CA that signs on its own account, too", keyInfo([]string{encoded(expired), encoded(ca)}) + keyInfo([]string{encoded(ca)}), []*signer{expired, ca}, valid, ""},

		{"an empty element beside a good one", keyInfo([]string{"", encoded(two)}), []*signer{two}, valid, "signing certificate 1 is empty"},
		{"no base64 beside a good one", keyInfo([]string{encoded(two), "not base64!"}), []*signer{two}, valid, "signing certificate 2 is not base64"},
		{"a negative serial number beside a good one", keyInfo([]string{negative}) + keyInfo([]string{encoded(two)}), []*signer{two}, valid, "signing certificate 1 cannot be read: x509: negative serial number"},
		{"five that cannot be read", keyInfo([]string{"", "", "", "", "", encoded(two)}), []*signer{two}, valid, "and 2 more"},
		{"one that cannot be read beside an expired one", keyInfo([]string{"", encoded(expired)}), []*signer{expired}, gone, "signing certificate 1 is empty"},
		{"only one that cannot be read", keyInfo([]string{negative}), nil, bad, "signing certificate 1 cannot be read: x509: negative serial number"},
		{"only an empty one", keyInfo([]string{" "}), nil, bad, "signing certificate 1 is empty"},
		{"no certificate", keyInfo(nil), nil, bad, "has no signing certificate"},
		{"base64 without its padding", keyInfo([]string{strings.TrimRight(encoded(two), "=")}), []*signer{two}, valid, ""},
		{"zero-width spaces", keyInfo([]string{"\u200b" + encoded(two)[:64] + "\u2028\ufeff" + encoded(two)[64:]}), []*signer{two}, valid, ""},
		{"PEM with its attributes", keyInfo([]string{"Bag Attributes\n    friendlyName: idp\n-----BEGIN CERTIFICATE-----\n" + encoded(two) + "\n-----END CERTIFICATE-----\n"}), []*signer{two}, valid, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := Parse(withKeys(row.keys))
			if err != nil {
				t.Fatal(err)
			}
			same := func(c *x509.Certificate, s *signer) bool { return c.Equal(s.Certificate) }
			if !slices.EqualFunc(m.Certificates, row.sign, same) {
				t.Errorf("%d certificates sign, not these %d", len(m.Certificates), len(row.sign))
			}
			verdict := Judge(m, now)
			if verdict.Reason != row.reason || !strings.Contains(verdict.Message, row.says) {
				t.Errorf("the verdict is %s: %s", verdict.Reason, verdict.Message)
			}
		})
	}
}

// TestFetchReadsTheCharsetOfTheAnswer fetches documents whose encoding only the answer names, or names wrongly.
func TestFetchReadsTheCharsetOfTheAnswer(t *testing.T) {
	accented := strings.Replace(string(readTestdata(t, "okta.xml")), "</md:EntityDescriptor>", "<!-- é --></md:EntityDescriptor>", 1)
	latin, err := charmap.ISO8859_1.NewEncoder().String(accented)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, contentType, document string }{
		{"ISO-8859-1 that the answer names", "text/xml; charset=ISO-8859-1", latin},
		{"ISO-8859-1 that the answer calls UTF-8", "text/xml; charset=utf-8", strings.Replace(latin, "UTF-8", "ISO-8859-1", 1)},
		{"UTF-8 that the answer calls ISO-8859-1", "text/xml; charset=ISO-8859-1", accented},
		{"a charset that nobody knows", "text/xml; charset=x-unknown", accented},
		{"a Content-Type that cannot be read", "text/xml; charset", accented},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, allowed, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", row.contentType)
				_, _ = io.WriteString(w, row.document)
			})
			document, err := s.fetcher.Fetch(t.Context(), s.URL)
			if err != nil {
				t.Fatal(err)
			}
			requireUsable(t, document)
		})
	}
}
