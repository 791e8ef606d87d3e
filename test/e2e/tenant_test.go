// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

// tenant is a namespace with one identity provider of its own, reached through the
// Ingress under a host of its own.
type tenant struct {
	namespace string
	provider  *scimv1.IdentityProvider
	ca        []byte
	token     string
}

// leaving are the namespaces of tenants whose specs are done. Each takes most of a minute to
// go, while other specs run; AfterSuite waits for them.
var leaving []*corev1.Namespace

// newTenant makes the namespace, a certificate and the provider, waits until it is
// Ready, and removes all of it when the container's specs are done. The provider's spec can be
// changed before.
func newTenant(ctx context.Context, name string, replicas int32, changes ...func(*scimv1.IdentityProviderSpec)) *tenant {
	GinkgoHelper()
	host := name + ".e2e.example"
	_, port := ingress()
	t := &tenant{namespace: "e2e-" + name}

	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: t.namespace, Labels: map[string]string{
			"pod-security.kubernetes.io/enforce": "restricted",
			"scim-operator.io/demo":              "true", // `make demo-down` removes what an interrupted run leaves
		},
	}}
	// A run that was interrupted may have left it behind.
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, namespace.DeepCopy()))).To(Succeed())
	Eventually(func() error { return k8s.Create(ctx, namespace.DeepCopy()) }).Should(Succeed())
	DeferCleanup(func(ctx context.Context) {
		Expect(k8s.Delete(ctx, namespace)).To(Succeed())
		leaving = append(leaving, namespace)
	})

	t.ca = t.certificate(ctx, "scim-tls", host)

	metadata, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", "okta-metadata.xml"))
	Expect(err).NotTo(HaveOccurred())
	t.provider = &scimv1.IdentityProvider{
		ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: t.namespace},
		Spec: scimv1.IdentityProviderSpec{
			Type:   scimv1.ProviderOkta,
			SignOn: scimv1.SignOnSpec{SAML: &scimv1.SAMLSpec{Metadata: scimv1.SAMLMetadataSource{XML: string(metadata)}}},
			SCIM: &scimv1.SCIMSpec{
				Provisioning:    scimv1.ProvisioningEnabled,
				DirectoryPolicy: scimv1.DirectoryPolicy{OrganizationID: "42"},
				Endpoint: &scimv1.ScimEndpointTemplate{
					Replicas: ptr.To(replicas),
					Exposure: &scimv1.Exposure{
						BaseURL: "https://" + host + ":" + port + "/scim/v2",
						Ingress: &scimv1.IngressExposure{Host: host, TLSSecretName: "scim-tls"},
					},
				},
			},
		},
	}
	for _, change := range changes {
		change(&t.provider.Spec)
	}
	t.apply(ctx)
	return t
}

// second is another provider in the same namespace, under the same host and a path of its own.
func (t *tenant) second(ctx context.Context, name string, change func(*scimv1.IdentityProviderSpec)) *tenant {
	GinkgoHelper()
	other := &tenant{namespace: t.namespace, ca: t.ca, provider: t.provider.DeepCopy()}
	other.provider.Name = name
	exposure := other.provider.Spec.SCIM.Endpoint.Exposure
	exposure.BaseURL = strings.TrimSuffix(exposure.BaseURL, "/scim/v2") + "/" + name + "/scim/v2"
	change(&other.provider.Spec)
	other.apply(ctx)
	return other
}

// apply creates the provider, waits until it is Ready and remembers the token.
func (t *tenant) apply(ctx context.Context) {
	GinkgoHelper()
	t.provider.ObjectMeta = metav1.ObjectMeta{Name: t.provider.Name, Namespace: t.provider.Namespace}
	Expect(k8s.Create(ctx, t.provider)).To(Succeed())
	t.awaitReady(ctx)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: t.provider.Status.Connection.TokenSecretName, Namespace: t.namespace}}
	Eventually(get(ctx, secret)).Should(HaveField("Data", HaveKey("token")))
	t.token = string(secret.Data["token"])
	// The Ingress controller learns of the route a moment later.
	scim := t.scim()
	Eventually(func() (answer, error) { return scim.do("GET", "/Users?count=0", "") }).Should(HaveField("Status", 200))
}

func (t *tenant) awaitReady(ctx context.Context) {
	GinkgoHelper()
	Eventually(get(ctx, t.provider)).Should(HaveField("Status.Conditions", ContainElement(And(
		HaveField("Type", scimv1.ConditionReady), HaveField("Status", metav1.ConditionTrue),
		HaveField("ObservedGeneration", t.provider.Generation)))))
}

// update changes the provider's spec whatever else changes it at the same time.
func (t *tenant) update(ctx context.Context, change func(*scimv1.IdentityProviderSpec)) {
	GinkgoHelper()
	Eventually(func() error {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(t.provider), t.provider); err != nil {
			return err
		}
		change(&t.provider.Spec)
		return k8s.Update(ctx, t.provider)
	}).Should(Succeed())
}

func (t *tenant) scim() *scimClient {
	return newSCIMClient(t.provider.Spec.SCIM.Endpoint.Exposure.BaseURL, t.token, t.ca)
}

// certificate puts one for a host, and its key, into a Secret. It returns the CA to trust.
func (t *tenant) certificate(ctx context.Context, secretName, host string) (ca []byte) {
	GinkgoHelper()
	ca, certificate, key := serverCertificate(host)
	Expect(k8s.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secretName, Namespace: t.namespace},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key},
	})).To(Succeed())
	return ca
}

// standing counts the tenant's users by status and reason of Active.
func (t *tenant) standing(ctx context.Context) func() (map[string]int, error) {
	return func() (map[string]int, error) {
		list := &scimv1.ScimUserList{}
		err := k8s.List(ctx, list, client.InNamespace(t.namespace))
		counts := map[string]int{}
		for _, user := range list.Items {
			c := ptr.Deref(meta.FindStatusCondition(user.Status.Conditions, scimv1.ConditionActive), metav1.Condition{})
			counts[string(c.Status)+" "+c.Reason]++
		}
		return counts, err
	}
}

// serverCertificate plays the company's CA.
func serverCertificate(host string) (ca, certificate, key []byte) {
	GinkgoHelper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	caTemplate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, caTemplate, caTemplate, caKey.Public(), caKey)
	Expect(err).NotTo(HaveOccurred())
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, caTemplate, serverKey.Public(), caKey)
	Expect(err).NotTo(HaveOccurred())
	keyDER, err := x509.MarshalPKCS8PrivateKey(serverKey)
	Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}
