// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

func TestParse(t *testing.T) {
	parsed, err := Parse("okta/a", "# About\n# this.\n\n### one\nGET /scim/v2/Users HTTP/1.1\n\n=== 200\nETag: *\n{\"id\":\"*\"}\n@user = id\n\n### two\nGET /scim/v2/Users/{{user}} HTTP/1.1\n\n=== 200\n")
	if err != nil {
		t.Fatal(err)
	}
	if parsed.About != "About this." || !slices.Equal(parsed.Titles(), []string{"one", "two"}) {
		t.Errorf("about %q, titles %q", parsed.About, parsed.Titles())
	}
}

func TestParseRefuses(t *testing.T) {
	for _, row := range []struct{ name, text, says string }{
		{"nothing", "", "there is no step"},
		{"a step without an answer", "### a\nGET / HTTP/1.1\n\n", "no line begins with ==="},
		{"half a request line", "### a\nGET /\n\n=== 200\n", "the request line"},
		{"a status in words", "### a\nGET / HTTP/1.1\n\n=== OK\n", "is not a number"},
		{"JSON that is none", "### a\nGET / HTTP/1.1\n\n=== 200\n{\n", "the JSON of the answer"},
		{"a value that nobody kept", "### a\nGET /{{user}} HTTP/1.1\n\n=== 200\n@user = id\n", "{{user}} was not kept"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := Parse("x", row.text); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("the error is %v, want %q", err, row.says)
			}
		})
	}
}

func TestReadWantsTranscripts(t *testing.T) {
	if _, err := Read(fstest.MapFS{"readme.md": {Data: []byte("### no")}}); err == nil {
		t.Error("no transcript, no error")
	}
	all, err := Read(fstest.MapFS{"b/x.http": {Data: []byte("### a\nGET / HTTP/1.1\n\n=== 200\n")}})
	if err != nil || len(all) != 1 || all[0].Name != "b/x" {
		t.Errorf("%v, %v", all, err)
	}
}

// script answers requests with canned answers and keeps what it was sent.
type script struct {
	mu      sync.Mutex
	answers []string
	sent    []string
}

func (s *script) dial(context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	go s.serve(far)
	return near, nil
}

func (s *script) serve(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	var raw strings.Builder
	request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(connection, &raw)))
	if err != nil {
		return
	}
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, raw.String())
	answer := ok204
	if len(s.answers) > 0 {
		answer, s.answers = s.answers[0], s.answers[1:]
	}
	_, _ = io.WriteString(connection, answer)
}

const ok204 = "HTTP/1.1 204 No Content\r\n\r\n"

func response(status int, body string, headers ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s", status, len(body),
		strings.Join(append(headers, ""), "\r\n"), body)
}

func (s *script) play(t *testing.T, text string) error {
	t.Helper()
	parsed, err := Parse("x", text)
	if err != nil {
		t.Fatal(err)
	}
	e := &Endpoint{BaseURL: "https://scim.example.com/tenants/a", Token: "the-token", Dial: s.dial}
	return e.Play(t.Context(), parsed, "42")
}

func TestRequestsAreSentAsWritten(t *testing.T) {
	s := &script{answers: []string{
		response(201, `{"id":"7"}`, "Location: https://scim.example.com/tenants/a/Users/7", `ETag: W/"3"`),
		response(200, `{}`),
	}}
	err := s.play(t, "### a\nPOST /scim/v2/Users? HTTP/1.1\nUser-Agent:\nContent-Type: application/json\n\n{ \"userName\" :\"u{{run}}\"}\n=== 201\n@user = id\n@version = header ETag\n\n"+
		"### b\nGET /scim/v2/Users/{{user}}? HTTP/1.1\nIf-Match: {{version}}\nAuthorization: Basic {{basic}}\n\n=== 200\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"POST /tenants/a/Users? HTTP/1.1\r\nUser-Agent:\r\nContent-Type: application/json\r\nHost: scim.example.com\r\nAuthorization: Bearer the-token\r\nContent-Length: 20\r\n\r\n{ \"userName\" :\"u42\"}",
		"GET /tenants/a/Users/7? HTTP/1.1\r\nIf-Match: W/\"3\"\r\nAuthorization: Basic aWRwOnRoZS10b2tlbg==\r\nHost: scim.example.com\r\n\r\n",
		"DELETE /tenants/a/Users/7 HTTP/1.1\r\nHost: scim.example.com\r\nAuthorization: Bearer the-token\r\n\r\n",
	}
	if !slices.Equal(s.sent, want) {
		t.Errorf("sent %q,\nwant %q", s.sent, want)
	}
}

func TestWhatWasCreatedIsDeletedAlsoAfterAFailure(t *testing.T) {
	created := response(201, `{}`, "Location: https://scim.example.com/tenants/a/Users/7")
	s := &script{answers: []string{created, response(200, `{}`), response(403, `{}`)}}
	err := s.play(t, "### a\nPOST /scim/v2/Users HTTP/1.1\n\n=== 201\n\n### b\nGET /scim/v2/Users HTTP/1.1\n\n=== 404\n\n### c\nGET /scim/v2/Users HTTP/1.1\n\n=== 200\n")
	if err == nil || !strings.Contains(err.Error(), "b: status 200, want 404") || !strings.Contains(err.Error(), "deleting /tenants/a/Users/7 afterwards") {
		t.Errorf("the error is %v", err)
	}
	if len(s.sent) != 3 || !strings.HasPrefix(s.sent[2], "DELETE /tenants/a/Users/7 ") {
		t.Errorf("sent %q", s.sent)
	}

	s = &script{answers: []string{created, ok204}}
	if err := s.play(t, "### a\nPOST /scim/v2/Users HTTP/1.1\n\n=== 201\n\n### b\nDELETE /scim/v2/Users/7? HTTP/1.1\n\n=== 204\n"); err != nil {
		t.Fatal(err)
	}
	if len(s.sent) != 2 {
		t.Errorf("sent %q: what the transcript deletes is not deleted again", s.sent)
	}
}

func TestAnswersAreChecked(t *testing.T) {
	scimError := response(404, `{"schemas":["`+errorSchema+`"],"status":"404","detail":"no (request r1)"}`, "Content-Type: "+mediaType, "X-Request-Id: r1")
	for _, row := range []struct{ name, answer, wanted, says string }{
		{"anything", response(200, `{"id":"7"}`), `{"id":"*"}`, ""},
		{"anything but nothing", response(200, `{}`), `{"id":"*"}`, `.id is null, want "*"`},
		{"nothing", response(200, `{"id":"7"}`), `{"id":null}`, `.id is "7", want null`},
		{"more than asked for", response(200, `{"id":"7","title":"x"}`), `{"id":"7"}`, ""},
		{"another number", response(200, `{"totalResults":2}`), `{"totalResults":1}`, `.totalResults is 2, want 1`},
		{"a number as a string", response(200, `{"totalResults":"1"}`), `{"totalResults":1}`, `.totalResults is "1", want 1`},
		{"a list in another order", response(200, `{"members":[{"value":"b","type":"User"},{"value":"a"}]}`), `{"members":[{"value":"a"},{"value":"b"}]}`, ""},
		{"a wildcard takes no value that another needs", response(200, `{"members":["a","b"]}`), `{"members":["*","a"]}`, ""},
		{"one value twice", response(200, `{"members":["a","b"]}`), `{"members":["a","a"]}`, "in any order"},
		{"a value too many", response(200, `{"members":["a","b"]}`), `{"members":["a"]}`, "want 1 values"},
		{"resources in another order", response(200, `{"Resources":[{"id":"b"},{"id":"a"}]}`), `{"Resources":[{"id":"a"},{"id":"b"}]}`, `.Resources[0].id is "b"`},
		{"no object", response(200, `{"name":"x"}`), `{"name":{"givenName":"x"}}`, "want an object"},
		{"a header", response(200, `{}`, "ETag: a"), "ETag: a\n{}", ""},
		{"another header", response(200, `{}`, "ETag: b"), "ETag: a\n{}", `ETag: "b", want "a"`},
		{"any header", response(200, `{}`), "ETag: *\n{}", `ETag: "", want "*"`},
		{"a header that must not be", response(200, `{}`, "ETag: a"), "ETag: not a\n{}", `want "not a"`},
		{"no header", response(200, `{}`, "ETag: a"), "ETag:\n{}", `want ""`},
		{"a value to keep that is not there", response(200, `{}`), "@user = id", "there is no id in the body"},
		{"a header to keep that is not there", response(200, `{}`), "@v = header ETag", "there is no header ETag"},
		{"the token", response(200, `{"x":"the-token"}`), "{}", "contains the token"},
		{"no JSON", response(200, `<html>`), "{}", "is not JSON"},
		{"a SCIM error", scimError, "=404", ""},
		{"an error of somebody else", response(404, `{"error":"x"}`), "=404", "the error's schemas are"},
		{"an error without its request ID", strings.Replace(scimError, "X-Request-Id: r1", "X-Request-Id: r2", 1), "=404", `does not contain the request ID "r2"`},
		{"an error with another status", strings.Replace(scimError, `"status":"404"`, `"status":"400"`, 1), "=404", `the error's body says status "400"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			status := "200\n" + row.wanted
			if after, found := strings.CutPrefix(row.wanted, "="); found {
				status = after
			}
			err := (&script{answers: []string{row.answer}}).play(t, "### a\nGET /scim/v2/Users HTTP/1.1\n\n=== "+status+"\n")
			if row.says == "" && err != nil || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
				t.Errorf("the error is %v, want %q", err, row.says)
			}
		})
	}
}

func TestFromEnvironment(t *testing.T) {
	set := func(t *testing.T, base, token, ca, resolve string) {
		for name, value := range map[string]string{EnvBaseURL: base, EnvToken: token, EnvCACert: ca, EnvResolve: resolve} {
			t.Setenv(name, value)
		}
	}
	t.Run("no endpoint", func(t *testing.T) {
		set(t, "", "t", "", "")
		if e, err := FromEnvironment(); e != nil || err != nil {
			t.Errorf("%v, %v", e, err)
		}
	})
	t.Run("an endpoint", func(t *testing.T) {
		set(t, "https://scim.example.com/scim/v2/", "t", "", "scim.example.com:443:127.0.0.1")
		e, err := FromEnvironment()
		if err != nil || e.BaseURL != "https://scim.example.com/scim/v2" || e.Token != "t" {
			t.Errorf("%v, %v", e, err)
		}
	})
	for name, row := range map[string][5]string{
		"no base URL":             {"scim.example.com", "t", "", "", EnvBaseURL},
		"no token":                {"https://scim.example.com", "", "", "", EnvToken},
		"no file of certificates": {"https://scim.example.com", "t", "/does/not/exist", "", EnvCACert},
		"no certificate in it":    {"https://scim.example.com", "t", "transcript.go", "", EnvCACert},
		"half a name to resolve":  {"https://scim.example.com", "t", "", "scim.example.com", EnvResolve},
	} {
		t.Run(name, func(t *testing.T) {
			set(t, row[0], row[1], row[2], row[3])
			if _, err := FromEnvironment(); err == nil || !strings.Contains(err.Error(), row[4]) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestDialAddress(t *testing.T) {
	for _, row := range []struct{ base, resolve, want string }{
		{"https://a.example/scim", "", "a.example:https"},
		{"http://a.example:8080", "", "a.example:8080"},
		{"https://a.example:9443", "a.example:9443:127.0.0.1", "127.0.0.1:9443"},
		{"https://b.example:9443", "a.example:9443:127.0.0.1", "b.example:9443"},
		{"https://a.example", "a.example:443:::1", "[::1]:443"},
	} {
		u, err := url.Parse(row.base)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := dialAddress(u, row.resolve); err != nil || got != row.want {
			t.Errorf("%s with %q: %s, %v, want %s", row.base, row.resolve, got, err, row.want)
		}
	}
}
