// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

// A public key of the NIST P-256 curve (RFC 7517 §A.1).
const publicKeys = `{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
  "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`

// openID is an OpenID provider's web server, with what changes about it.
type openID struct {
	*httptest.Server
	change, keys atomic.Value // a map[string]any, a string
	keysDown     atomic.Bool
}

func newOpenID() *openID {
	o := &openID{}
	o.change.Store(map[string]any{})
	o.keys.Store(publicKeys)
	mux := http.NewServeMux()
	mux.HandleFunc("/acme/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		document := map[string]any{
			"issuer": o.issuer(), "authorization_endpoint": o.issuer() + "/authorize", "token_endpoint": o.issuer() + "/token",
			"end_session_endpoint": o.issuer() + "/logout", "jwks_uri": o.issuer() + "/keys", "response_types_supported": []string{"code"},
		}
		for name, value := range o.change.Load().(map[string]any) {
			document[name] = value
		}
		_ = json.NewEncoder(w).Encode(document)
	})
	mux.HandleFunc("/acme/keys", func(w http.ResponseWriter, _ *http.Request) {
		if o.keysDown.Load() {
			http.Error(w, "under maintenance", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(o.keys.Load().(string)))
	})
	o.Server = httptest.NewTLSServer(mux)
	DeferCleanup(o.Close)
	return o
}

func (o *openID) issuer() string { return o.URL + "/acme" }

func byOIDC(issuer string) v1alpha1.SignOnSpec {
	return v1alpha1.SignOnSpec{OIDC: &v1alpha1.OIDCSpec{Issuer: issuer}}
}

// withSignOn is a provider that provisions and signs people on in the given way.
func withSignOn(namespace string, way v1alpha1.SignOnSpec) *v1alpha1.IdentityProvider {
	idp := newProvider(namespace, v1alpha1.SAMLMetadataSource{}, v1alpha1.ProvisioningEnabled)
	idp.Spec.SignOn = way
	return idp
}

var _ = Describe("Single sign-on by OpenID Connect", func() {
	var (
		namespace string
		server    *openID
	)

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		ahead.Store(0)
		server = newOpenID()
	})

	It("is configured by a usable discovery document, and shows what an administrator needs", func(ctx SpecContext) {
		idp := withSignOn(namespace, byOIDC(server.issuer()))
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(
			ssoConfigured(),
			testenv.Condition(v1alpha1.ConditionSSOConfigured, HaveField("Message", ContainSubstring("publishes 1 key."))),
			HaveField("Status.SignOn.SAML", BeNil()),
			HaveField("Status.SignOn.OIDC", And(
				HaveField("Issuer", server.issuer()),
				HaveField("AuthorizationEndpoint", server.issuer()+"/authorize"),
				HaveField("TokenEndpoint", server.issuer()+"/token"),
				HaveField("EndSessionEndpoint", server.issuer()+"/logout"),
				HaveField("JWKSURL", server.issuer()+"/keys"),
				HaveField("Keys", HaveValue(BeEquivalentTo(1))),
			)),
			HaveField("Status.Connection.OIDCIssuer", server.issuer()),
			HaveField("Status.Connection.SAMLEntityID", BeEmpty()),
		))
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.OrganizationID", "42"))
	})

	DescribeTable("is not configured, and SCIM stays off, by",
		func(ctx SpecContext, change map[string]any, keys, reason, words string) {
			server.change.Store(change)
			server.keys.Store(keys)
			idp := withSignOn(namespace, byOIDC(server.issuer()))
			env.Create(ctx, idp)
			Eventually(observed(ctx, idp)).Should(And(
				testenv.IsFalse(v1alpha1.ConditionSSOConfigured, reason),
				testenv.Condition(v1alpha1.ConditionSSOConfigured, HaveField("Message", ContainSubstring(words))),
				testenv.IsFalse(v1alpha1.ConditionScimReady, v1alpha1.ReasonSSONotConfigured),
				testenv.StalledBecause(reason),
				HaveField("Status.SignOn", BeNil()),
			))
			Expect(noEndpoint(ctx, namespace)()).To(Satisfy(apierrors.IsNotFound))
		},
		Entry("the document of another issuer", map[string]any{"issuer": "https://evil.example"}, publicKeys,
			v1alpha1.ReasonMetadataInvalid, `that of the issuer "https://evil.example"`),
		Entry("an authorization endpoint without TLS", map[string]any{"authorization_endpoint": "http://idp.example"}, publicKeys,
			v1alpha1.ReasonMetadataInvalid, "authorization_endpoint is not HTTPS"),
		Entry("keys that cannot be read", nil, "<html>", v1alpha1.ReasonMetadataInvalid, "behind its jwks_uri is not JSON"),
		Entry("no key at all", nil, `{"keys": []}`, v1alpha1.ReasonMetadataInvalid, "no key behind its jwks_uri"),
	)

	It("waits for an issuer that does not answer, and never asks what is not HTTPS", func(ctx SpecContext) {
		idp := withSignOn(namespace, byOIDC(server.URL+"/nobody"))
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonMetadataUnreachable),
			testenv.ReconcilingBecause(v1alpha1.ReasonMetadataUnreachable),
			testenv.Condition(v1alpha1.ConditionSSOConfigured, HaveField("Message",
				MatchRegexp(`^The metadata cannot be fetched: 127.0.0.1:\d+ answered 404 Not Found. It is tried again; if this stays, correct spec.signOn.oidc.issuer.$`))),
		))
	})

	It("keeps what serves when the keys become unreachable", func(ctx SpecContext) {
		idp := withSignOn(namespace, byOIDC(server.issuer()))
		env.Create(ctx, idp)
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled))
		uid := endpoint(ctx, namespace)(Default).UID
		server.keysDown.Store(true)
		ahead.Store(int64(2 * time.Hour))
		env.Touch(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(
			serving(),
			HaveField("Status.SignOn.OIDC.Issuer", server.issuer()),
		))
		Expect(endpoint(ctx, namespace)(Default).UID).To(Equal(uid))
	})

	It("follows a change of the way to sign on, and forgets the one before", func(ctx SpecContext) {
		idp := withSignOn(namespace, byOIDC(server.issuer()))
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(HaveField("Status.SignOn.OIDC.Issuer", server.issuer()))
		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) {
			idp.Spec.SignOn = v1alpha1.SignOnSpec{SAML: &v1alpha1.SAMLSpec{Metadata: inline("hello")}}
		})
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonMetadataInvalid),
			HaveField("Status.SignOn", BeNil()),
		))
		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) {
			idp.Spec.SignOn = v1alpha1.SignOnSpec{SAML: &v1alpha1.SAMLSpec{Metadata: inline(metadata(year))}}
		})
		Eventually(observed(ctx, idp)).Should(And(ssoConfigured(), HaveField("Status.SignOn.SAML.EntityID", entityID)))
	})
})

var _ = Describe("Single sign-on that is not managed here", func() {
	It("is not checked, and SCIM does not wait for it", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		idp := withSignOn(namespace, v1alpha1.SignOnSpec{None: &v1alpha1.NoSignOnSpec{}})
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonSignOnNotManaged),
			HaveField("Status.SignOn", BeNil()),
		))
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled))
		Consistently(warnings(ctx, namespace, v1alpha1.ReasonSignOnNotManaged), time.Second).Should(BeZero())
	})
})
