// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/compact"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/guard"
	"scim-operator.io/internal/saml"
)

const (
	name     = "okta"
	entityID = "http://www.okta.com/exk1"
	year     = 365 * 24 * time.Hour
)

var (
	env *testenv.Env
	// stopManager stops the running manager.
	stopManager func()
	// ahead is how far the controller's clock is ahead of the API server's.
	ahead atomic.Int64
	// website serves metadata over HTTPS.
	website *site
)

func TestIdentityProvider(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "IdentityProvider controller")
}

func now() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }

func startManager() {
	fetcher := saml.NewFetcher(saml.FetcherOptions{AllowInternal: true, Egress: guard.Egress{Roots: website.roots()}})
	stopManager = env.Run(func(ctx context.Context, mgr ctrl.Manager) error { return setup(ctx, mgr, fetcher, now) })
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(testenv.Bound)
	SetDefaultEventuallyPollingInterval(testenv.Poll)
	website = newSite()
	DeferCleanup(website.server.Close)
	env = testenv.Start(func() cache.Options {
		options := cache.Options{ByObject: CacheByObject()}
		options.ByObject[&v1alpha1.ScimUser{}] = cache.ByObject{Transform: compact.PackUser}
		return options
	})
	DeferCleanup(func() { env.Stop() })
	startManager()
	DeferCleanup(func() { stopManager() })
})

// site is an identity provider's web server.
type site struct {
	server   *httptest.Server
	document atomic.Pointer[string]
	down     atomic.Bool
	asked    atomic.Int64
}

func newSite() *site {
	s := &site{}
	s.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		if s.down.Load() {
			http.Error(w, "under maintenance", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(*s.document.Load()))
	}))
	s.serve(metadata(year))
	return s
}

func (s *site) serve(document string) { s.document.Store(&document) }

func (s *site) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.server.Certificate())
	return pool
}

// metadata is a SAML document whose certificate is valid for a while from now on.
func metadata(valid time.Duration) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "acme"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(valid),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	Expect(err).NotTo(HaveOccurred())
	return fmt.Sprintf(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="%s">
  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">
      <X509Data><X509Certificate>%s</X509Certificate></X509Data>
    </KeyInfo></KeyDescriptor>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://acme.okta.com/sso"/>
  </IDPSSODescriptor>
</EntityDescriptor>`, entityID, base64.StdEncoding.EncodeToString(der))
}

func newProvider(namespace string, source v1alpha1.SAMLMetadataSource, provisioning v1alpha1.Provisioning) *v1alpha1.IdentityProvider {
	return &v1alpha1.IdentityProvider{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.IdentityProviderSpec{
			Type:   v1alpha1.ProviderOkta,
			SignOn: v1alpha1.SignOnSpec{SAML: &v1alpha1.SAMLSpec{Metadata: source}},
			SCIM: &v1alpha1.SCIMSpec{
				Provisioning:    provisioning,
				DirectoryPolicy: v1alpha1.DirectoryPolicy{OrganizationID: "42"},
				Endpoint: &v1alpha1.ScimEndpointTemplate{
					Replicas: ptr.To[int32](2),
					Exposure: &v1alpha1.Exposure{Ingress: &v1alpha1.IngressExposure{Host: "scim.example.com", TLSSecretName: "scim-tls"}},
				},
			},
		},
	}
}

func inline(document string) v1alpha1.SAMLMetadataSource {
	return v1alpha1.SAMLMetadataSource{XML: document}
}

func fromConfigMap() v1alpha1.SAMLMetadataSource {
	return v1alpha1.SAMLMetadataSource{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "saml", Key: "metadata.xml"}}
}

func fromURL() v1alpha1.SAMLMetadataSource {
	return v1alpha1.SAMLMetadataSource{URL: website.server.URL}
}

// observed polls the provider as far as the controller has seen it.
func observed(ctx context.Context, idp *v1alpha1.IdentityProvider) func(Gomega) *v1alpha1.IdentityProvider {
	return func(g Gomega) *v1alpha1.IdentityProvider {
		current := &v1alpha1.IdentityProvider{}
		g.Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(idp), current)).To(Succeed())
		g.Expect(current.Status.ObservedGeneration).To(HaveValue(Equal(current.Generation)))
		return current
	}
}

func ssoConfigured() OmegaMatcher {
	return testenv.IsTrue(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonMetadataValid)
}

func serving() OmegaMatcher {
	return testenv.IsTrue(v1alpha1.ConditionScimReady, v1alpha1.ReasonProvisioningEnabled)
}

func endpoint(ctx context.Context, namespace string) func(Gomega) *v1alpha1.ScimEndpoint {
	return func(g Gomega) *v1alpha1.ScimEndpoint {
		ep := &v1alpha1.ScimEndpoint{}
		g.Expect(env.Get(ctx, namespace, name, ep)).To(Succeed())
		return ep
	}
}

func noEndpoint(ctx context.Context, namespace string) func() error {
	return func() error { return env.Get(ctx, namespace, name, &v1alpha1.ScimEndpoint{}) }
}

// reportEndpoint does what the endpoint's controller would: it says that the endpoint
// serves, and whether it is all that its spec asks for.
func reportEndpoint(ctx context.Context, namespace string, conditions ...metav1.Condition) {
	Eventually(func(g Gomega) {
		ep := endpoint(ctx, namespace)(g)
		ep.Status = v1alpha1.ScimEndpointStatus{ObservedGeneration: ptr.To(ep.Generation), Tokens: issuedTokens()}
		for _, c := range conditions {
			c.ObservedGeneration, c.Message = ep.Generation, c.Type+" is "+string(c.Status)+"."
			meta.SetStatusCondition(&ep.Status.Conditions, c)
		}
		g.Expect(env.Client.Status().Update(ctx, ep)).To(Succeed())
	}).Should(Succeed())
}

// issuedTokens are two tokens in force, as after a rotation.
func issuedTokens() []v1alpha1.TokenStatus {
	created := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	return []v1alpha1.TokenStatus{
		{ID: "222222222222", SecretName: "okta-scim-token-2", CreatedTime: created},
		{ID: "111111111111", SecretName: "okta-scim-token", CreatedTime: created},
	}
}

func servingConditions() []metav1.Condition {
	return []metav1.Condition{
		{Type: v1alpha1.ConditionTokenReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonTokenIssued},
		{Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReplicasReady},
		{Type: v1alpha1.ConditionExposed, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonIngressApplied},
	}
}

func endpointReady() []metav1.Condition {
	return append(servingConditions(), metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded})
}

func endpointRollingOut() []metav1.Condition {
	return append(servingConditions(),
		metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonProgressing},
		metav1.Condition{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonProgressing})
}

func endpointStalled() []metav1.Condition {
	return []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRolloutFailed},
		{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonRolloutFailed},
	}
}
