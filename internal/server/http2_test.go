// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strings"
	"testing"
)

func http2Client() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: protocols}}
}

func TestHTTP2WithoutTLS(t *testing.T) {
	e := serve(t)
	client := http2Client()
	defer client.CloseIdleConnections()
	for _, row := range []struct {
		path, header string
		status       int
	}{
		{"/Users", "", 200},
		{"/Users?x=" + strings.Repeat("x", 17<<10), "", 414},
		{"/Users", strings.Repeat("x", 33<<10), 431},
		{"/Users/none", "", 404},
	} {
		request, err := http.NewRequest(http.MethodGet, "http://"+e.address+basePath+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+string(testToken))
		if row.header != "" {
			request.Header.Set("X-A", row.header)
		}
		a := e.send(client, request)
		if row.status != http.StatusOK {
			wantError(t, a, row.status, "")
		} else if a.status != http.StatusOK {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	}
	e.waitForLog(`"protocol":"HTTP/2.0"`)
}

// What no handler can answer is not sent by clients that keep to the protocol: they are told
// how much the server reads (RFC 9113 §6.5.2), which is far above what it allows.
func TestHTTP2ClientsAreToldHowMuchIsRead(t *testing.T) {
	e := serve(t)
	client := http2Client()
	defer client.CloseIdleConnections()
	ask := func(header int) error {
		request, err := http.NewRequest(http.MethodGet, "http://"+e.address+basePath+"/Users", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-A", strings.Repeat("x", header))
		response, err := client.Do(request)
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	if err := ask(1); err != nil { // by then the settings have come
		t.Fatal(err)
	}
	if err := ask(e.limits.maxHeaderBytes() - 4<<10); err != nil {
		t.Errorf("what the server reads is not sent: %v", err)
	}
	if err := ask(e.limits.maxHeaderBytes() + 4<<10); err == nil || !strings.Contains(err.Error(), "header list larger than peer's") {
		t.Errorf("more than the server reads is sent: %v", err)
	}
}
