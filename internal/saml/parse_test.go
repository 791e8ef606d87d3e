// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"scim-operator.io/api/v1alpha1"
)

// The documents in testdata are shaped like those the products publish, with
// certificates of nobody's that are valid until 2054.
func TestParseWhatIdentityProvidersPublish(t *testing.T) {
	for _, row := range []struct {
		file, entityID, signOnURL string
		certificates              int
		validUntil                string
	}{
		{"okta.xml", "http://www.okta.com/exk7w2m9qkBvT4sXh5d7",
			"https://acme.okta.com/app/acme_scimoperator_1/exk7w2m9qkBvT4sXh5d7/sso/saml", 1, ""},
		{"entra.xml", "https://sts.windows.net/7e5b1c1e-3a52-4d52-9f0d-5a6d3c1b2f10/",
			"https://login.microsoftonline.com/7e5b1c1e-3a52-4d52-9f0d-5a6d3c1b2f10/saml2", 2, ""},
		{"onelogin.xml", "https://app.onelogin.com/saml/metadata/5f2e9a3c-61b7-4b0e-8d7a-2c9f4e6a1b03",
			"https://acme.onelogin.com/trust/saml2/http-redirect/sso/5f2e9a3c-61b7-4b0e-8d7a-2c9f4e6a1b03", 1, ""},
		{"keycloak.xml", "https://keycloak.acme.com/realms/acme",
			"https://keycloak.acme.com/realms/acme/protocol/saml", 1, ""},
		{"google-workspace.xml", "https://accounts.google.com/o/saml2?idpid=C01abc2de",
			"https://accounts.google.com/o/saml2/idp?idpid=C01abc2de", 1, "2054-01-15T09:31:12Z"},
		{"adfs.xml", "http://adfs.acme.com/adfs/services/trust",
			"https://adfs.acme.com/adfs/ls/", 1, ""},
		{"shibboleth.xml", "https://idp.acme.edu/idp/shibboleth",
			"https://idp.acme.edu/idp/profile/SAML2/Redirect/SSO", 2, "2053-04-18T19:41:57Z"},
		{"pingfederate.xml", "acme:pingfederate",
			"https://sso.acme.com/idp/SSO.saml2", 1, ""},
		{"jumpcloud.xml", "acme",
			"https://sso.jumpcloud.com/saml2/acme", 1, ""},
		{"authentik.xml", "https://authentik.acme.com/application/saml/acme/metadata/",
			"https://authentik.acme.com/application/saml/acme/sso/binding/redirect/", 1, ""},
		{"simplesamlphp.xml", "https://sso.acme.fr/simplesaml/saml2/idp/metadata.php",
			"https://sso.acme.fr/simplesaml/saml2/idp/SSOService.php", 1, ""},
	} {
		t.Run(row.file, func(t *testing.T) {
			m, err := Parse(readTestdata(t, row.file))
			if err != nil {
				t.Fatal(err)
			}
			if m.EntityID != row.entityID || m.SignOnURL != row.signOnURL || len(m.Certificates) != row.certificates {
				t.Errorf("got entity ID %q, sign-on URL %q, %d certificates", m.EntityID, m.SignOnURL, len(m.Certificates))
			}
			if got := formatted(m.ValidUntil); got != row.validUntil {
				t.Errorf("it is valid until %q, not %q", got, row.validUntil)
			}
			if verdict := Judge(m, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)); verdict.Reason != v1alpha1.ReasonMetadataValid {
				t.Errorf("it is not usable: %s: %s", verdict.Reason, verdict.Message)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	okta := string(readTestdata(t, "okta.xml"))
	descriptor := withoutDeclaration(okta)
	second := strings.Replace(descriptor, "exk7w2m9qkBvT4sXh5d7\"", "exkOther\"", 1)
	for _, row := range []struct {
		name, document, want string
	}{
		{"nothing", "", "it has no XML element"},
		{"blanks", " \n", "it has no XML element"},
		{"no XML", "{\"entityID\": \"x\"}", "it has no XML element"},
		{"half a document", okta[:len(okta)/2], "not well-formed"},
		{"two documents", okta + descriptor, "a second document follows the first"},
		{"a sign-in page", "<!DOCTYPE html><html><body>Sign in</body></html>", "it is an HTML page"},
		{"other XML", "<rss/>", "its root element is rss"},
		{"the name without the namespace", `<EntityDescriptor entityID="x"/>`, "not EntityDescriptor of urn:oasis"},
		{"an external entity", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + descriptor, "document type declaration"},
		{"a billion laughs", `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>`, "document type declaration"},
		{"an entity without a declaration", strings.Replace(descriptor, "<md:NameIDFormat>", "<md:NameIDFormat>&e;", 1), "not well-formed"},
		{"too many elements", "<a>" + strings.Repeat("<b/>", maxElements) + "</a>", "more than 50000 elements"},
		{"an encoding that nobody knows", strings.Replace(okta, "UTF-8", "EBCDIC", 1) + "<!-- \xe9 -->", `its encoding "EBCDIC" cannot be read`},
		{"deep nesting", strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65), "nested more than 64 deep"},
		{"a service provider's", `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"><SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"/></EntityDescriptor>`, "no SAML 2.0 identity provider"},
		{"SAML 1.1 only", strings.Replace(okta, "SAML:2.0:protocol", "SAML:1.1:protocol", 1), "no SAML 2.0 identity provider"},
		{"an empty federation", group(""), "no SAML 2.0 identity provider"},
		{"a federation of two", group(descriptor + second), "more than one identity provider"},
		{"a federation of two, one deeper", group(descriptor + group(second)), "more than one identity provider"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := Parse([]byte(row.document))
			if err == nil {
				t.Fatalf("it was read: %+v", m)
			}
			if !errors.Is(err, ErrInvalid) || Reason(err) != v1alpha1.ReasonMetadataInvalid {
				t.Errorf("%v is not ErrInvalid", err)
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("%q does not say %q", err, row.want)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	okta := string(readTestdata(t, "okta.xml"))
	descriptor := withoutDeclaration(okta)
	_, oktaCertificate, _ := cutCertificate(okta)
	serviceProvider := `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="sp"><md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"/></md:EntityDescriptor>`
	for _, row := range []struct{ name, document string }{
		{"a byte order mark", "\ufeff" + okta},
		{"no XML declaration", descriptor},
		{"a comment before the root", "<!-- downloaded today -->" + descriptor},
		{"a federation of one", group(descriptor)},
		{"a federation of one in a federation", group(group(descriptor))},
		{"a federation of one and a service provider", group(serviceProvider + descriptor)},
		{"a certificate of unspecified use", strings.Replace(okta, ` use="signing"`, "", 1)},
		{"a certificate in PEM armour", certificate(okta, "-----BEGIN CERTIFICATE-----\n"+oktaCertificate+"\n-----END CERTIFICATE-----\n")},
		{"the same certificate twice", strings.Replace(okta, "</ds:X509Data>", "<ds:X509Certificate>"+oktaCertificate+"</ds:X509Certificate></ds:X509Data>", 1)},
		{"an encryption certificate that cannot be read", strings.Replace(okta, "<md:NameIDFormat>", `<md:KeyDescriptor use="encryption"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>x</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:NameIDFormat>`, 1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := Parse([]byte(row.document))
			if err != nil {
				t.Fatal(err)
			}
			if m.EntityID != "http://www.okta.com/exk7w2m9qkBvT4sXh5d7" || m.SignOnURL == "" || len(m.Certificates) != 1 {
				t.Errorf("got %q, %q, %d certificates", m.EntityID, m.SignOnURL, len(m.Certificates))
			}
		})
	}
}

func TestParsePrefersHTTPRedirect(t *testing.T) {
	const redirect, post, soap = "HTTP-Redirect", "HTTP-POST", "SOAP"
	for _, row := range []struct {
		offered []string
		want    string
	}{
		{[]string{post, redirect, soap}, "https://idp/HTTP-Redirect"},
		{[]string{soap, post}, "https://idp/HTTP-POST"},
		{[]string{soap}, ""},
		{nil, ""},
	} {
		var services strings.Builder
		for _, binding := range row.offered {
			services.WriteString(`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:` + binding + `" Location="https://idp/` + binding + `"/>`)
		}
		m, err := Parse([]byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
			services.String() + `</IDPSSODescriptor></EntityDescriptor>`))
		if err != nil {
			t.Errorf("offering %v: %v", row.offered, err)
		} else if m.SignOnURL != row.want {
			t.Errorf("offering %v: the sign-on URL is %q, not %q", row.offered, m.SignOnURL, row.want)
		}
	}
}

func TestParseTakesTheEarliestExpiry(t *testing.T) {
	okta := string(readTestdata(t, "okta.xml"))
	descriptor := withoutDeclaration(okta)
	expiring := func(name, document, until string) string {
		return strings.Replace(document, "<md:"+name, "<md:"+name+` validUntil="`+until+`"`, 1)
	}
	for _, row := range []struct{ name, document, want string }{
		{"none", descriptor, ""},
		{"the entity's", expiring("EntityDescriptor", descriptor, "2031-01-01T00:00:00Z"), "2031-01-01T00:00:00Z"},
		{"the role's", expiring("IDPSSODescriptor", descriptor, "2030-01-01T00:00:00Z"), "2030-01-01T00:00:00Z"},
		{"the federation's", expiring("EntitiesDescriptor", group(expiring("EntityDescriptor", descriptor, "2031-01-01T00:00:00Z")), "2029-01-01T00:00:00Z"), "2029-01-01T00:00:00Z"},
		{"the entity's in a federation", expiring("EntitiesDescriptor", group(expiring("EntityDescriptor", descriptor, "2031-01-01T00:00:00Z")), "2033-01-01T00:00:00Z"), "2031-01-01T00:00:00Z"},
	} {
		m, err := Parse([]byte(row.document))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
		} else if got := formatted(m.ValidUntil); got != row.want {
			t.Errorf("%s: it is valid until %q, not %q", row.name, got, row.want)
		}
	}
}

func TestParseBounds(t *testing.T) {
	okta := readTestdata(t, "okta.xml")
	padded := slices.Concat(okta, bytes.Repeat([]byte(" "), MaxDocument-len(okta)))
	if _, err := Parse(padded); err != nil {
		t.Errorf("%d bytes: %v", len(padded), err)
	}
	if _, err := Parse(append(padded, ' ')); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte more: %v, not ErrTooLarge", err)
	}
	long := "<" + strings.Repeat("x", 4096) + "/>"
	if _, err := Parse([]byte(long)); err == nil || len(err.Error()) > 1024 {
		t.Errorf("the error repeats what was sent: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.xml"))
	if err != nil || len(files) == 0 {
		f.Fatalf("%d seeds, error %v", len(files), err)
	}
	for _, file := range files {
		f.Add(readTestdata(f, filepath.Base(file)))
	}
	okta := readTestdata(f, "okta.xml")
	f.Add(bytes.Replace(okta, []byte("UTF-8"), []byte("ISO-8859-1"), 1))
	f.Add(bytes.Replace(okta, []byte("1.0"), []byte("1.1"), 1))
	f.Add(bytes.Replace(okta, []byte("entityID"), []byte(`validUntil="2020-01-01" cacheDuration="P1W" entityID`), 1))
	f.Add([]byte("\xff\xfe<\x00a\x00/\x00>\x00"))
	f.Add([]byte(group("")))
	f.Fuzz(func(t *testing.T, document []byte) {
		m, err := Parse(document)
		if (m == nil) == (err == nil) {
			t.Fatalf("metadata %v and error %v", m, err)
		}
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrTooLarge) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if verdict := Judge(m, time.Now()); verdict.Reason == "" || verdict.Message == "" {
			t.Fatalf("a verdict without a reason: %+v", verdict)
		}
	})
}

func group(members string) string {
	return `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">` + members + `</md:EntitiesDescriptor>`
}

// certificate puts another certificate into a document that has one.
func certificate(document, replacement string) string {
	before, _, after := cutCertificate(document)
	return before + replacement + after
}

func cutCertificate(document string) (before, certificate, after string) {
	const start, end = "<ds:X509Certificate>", "</ds:X509Certificate>"
	before, rest, _ := strings.Cut(document, start)
	certificate, after, _ = strings.Cut(rest, end)
	return before + start, certificate, end + after
}

// withoutDeclaration leaves only the root element, so that another can hold it.
func withoutDeclaration(document string) string {
	_, root, _ := strings.Cut(document, "?>")
	return strings.TrimSpace(root)
}

func readTestdata(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func formatted(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
