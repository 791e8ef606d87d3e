// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/gomega"
)

// scimClient speaks SCIM through the Ingress as an identity provider would.
type scimClient struct {
	base, token string
	http        *http.Client
}

// newSCIMClient trusts the given CA and sends every request to the Ingress controller,
// whatever its host.
func newSCIMClient(base, token string, ca []byte) *scimClient {
	roots := x509.NewCertPool()
	Expect(roots.AppendCertsFromPEM(ca)).To(BeTrue())
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &scimClient{base: base, token: token, http: &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 64,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, env["INGRESS"])
			},
		},
	}}
}

// answer is what came back: the status, the headers, and the JSON body.
type answer struct {
	Status int
	Header http.Header
	Body   map[string]any
}

func (a answer) id() string { id, _ := a.Body["id"].(string); return id }

// resources of a ListResponse.
func (a answer) resources() []any { r, _ := a.Body["Resources"].([]any); return r }

func (c *scimClient) do(method, path, body string) (answer, error) {
	request, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", "application/scim+json")
	if body != "" {
		request.Header.Set("Content-Type", "application/scim+json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	result := answer{Status: response.StatusCode, Header: response.Header}
	if content = bytes.TrimSpace(content); len(content) > 0 {
		if err := json.Unmarshal(content, &result.Body); err != nil {
			return result, fmt.Errorf("%s %s answered %d with %q: %w", method, path, response.StatusCode, content, err)
		}
	}
	return result, nil
}

func (c *scimClient) mustDo(method, path, body string, status int) answer {
	result, err := c.do(method, path, body)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	ExpectWithOffset(1, result.Status).To(Equal(status), "%s %s: %v", method, path, result.Body)
	return result
}

func userBody(userName string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,`+
		`"name":{"givenName":"E","familyName":"Two"},"emails":[{"primary":true,"value":%q,"type":"work"}],"active":true}`,
		userName, userName)
}

func byUserName(userName string) string {
	return "/Users?filter=" + url.QueryEscape(fmt.Sprintf("userName eq %q", userName)) + "&startIndex=1&count=100"
}

func patchBody(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}
