// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Endpoint is what transcripts are played against.
type Endpoint struct {
	// BaseURL is that of the SCIM service, without a slash at its end.
	BaseURL string
	// Token is the endpoint's token.
	Token string
	// Dial opens a connection that HTTP/1.1 is spoken on. A request has its own.
	Dial func(context.Context) (net.Conn, error)
}

const (
	// writtenPath begins the paths in transcripts, whatever the endpoint's is.
	writtenPath = "/scim/v2"
	// patience bounds the wait for one answer.
	patience = 30 * time.Second
)

// answer is a response, read in full.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   any
}

// player is one play of one transcript.
type player struct {
	*Endpoint
	base    *url.URL
	kept    map[string]string
	created []string // paths of the resources made and not deleted
}

// Play sends the requests of a transcript one after the other and says which step was
// not answered as it must be. The steps after that are not played, since they build on it.
// Whatever happens, resources that were created are deleted. The digits run are part of
// every name: with others each time, a transcript can be played again and again.
func (e *Endpoint) Play(ctx context.Context, t *Transcript, run string) error {
	base, err := url.Parse(e.BaseURL)
	if err != nil {
		return fmt.Errorf("base URL: %w", err)
	}
	p := &player{Endpoint: e, base: base, kept: map[string]string{
		"base": e.BaseURL, "run": run, "token": e.Token,
		"basic": base64.StdEncoding.EncodeToString([]byte("idp:" + e.Token)),
	}}
	for i := range t.steps {
		s := &t.steps[i]
		if err = p.play(ctx, s); err != nil {
			err = fmt.Errorf("%s: %s: %w", t.Name, s.title, err)
			break
		}
	}
	return errors.Join(err, p.cleanUp(ctx))
}

func (p *player) play(ctx context.Context, s *step) error {
	method, _, _ := strings.Cut(s.head, " ")
	a, err := p.send(ctx, p.assemble(s.head, s.body), method)
	if err != nil {
		return err
	}
	p.remember(s, method, a)
	problems := p.problems(s, method, a)
	for _, k := range s.keep {
		value, err := a.find(k.value)
		if err != nil {
			problems = append(problems, err.Error())
		}
		p.kept[k.name] = value
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s\nin the answer %d %s", strings.Join(problems, "\n"), a.status, a.body)
	}
	return nil
}

// problems says in what respect an answer is not the one that the step expects.
func (p *player) problems(s *step, method string, a *answer) []string {
	if a.status != s.status {
		return []string{fmt.Sprintf("status %d, want %d", a.status, s.status)}
	}
	var problems []string
	if a.status >= http.StatusBadRequest && method != http.MethodHead {
		problems = ErrorProblems(a.status, a.header, a.body)
	}
	if strings.Contains(string(a.body), p.Token) {
		problems = append(problems, "the body contains the token")
	}
	for _, h := range s.headers {
		if problem := headerProblem(h.name, a.header.Get(h.name), p.substitute(h.value)); problem != "" {
			problems = append(problems, problem)
		}
	}
	if s.json != nil {
		problems = append(problems, differences("", a.json, p.substituteIn(s.json))...)
	}
	return problems
}

// find gives what @name = path asks for.
func (a *answer) find(path string) (string, error) {
	if name, ok := strings.CutPrefix(path, "header "); ok {
		if value := a.header.Get(name); value != "" {
			return value, nil
		}
		return "", fmt.Errorf("there is no header %s", name)
	}
	value, err := lookup(a.json, path)
	return fmt.Sprint(value), err
}

// remember keeps track of what exists because of this transcript.
func (p *player) remember(s *step, method string, a *answer) {
	if location, err := url.Parse(a.header.Get("Location")); a.status == http.StatusCreated && err == nil && location.Path != "" {
		p.created = append(p.created, location.Path)
	}
	if method == http.MethodDelete && a.status == http.StatusNoContent {
		_, rest, _ := strings.Cut(p.substitute(s.head), " ")
		target, _, _ := strings.Cut(rest, " ")
		path, _, _ := strings.Cut(p.path(target), "?")
		p.created = slices.DeleteFunc(p.created, func(created string) bool { return created == path })
	}
}

// cleanUp deletes what is left, the newest first.
func (p *player) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	var all []error
	for _, path := range slices.Backward(p.created) {
		a, err := p.send(ctx, p.assemble("DELETE "+path+" HTTP/1.1", ""), http.MethodDelete)
		if err == nil && a.status != http.StatusNoContent && a.status != http.StatusNotFound {
			err = fmt.Errorf("deleting %s afterwards was answered with %d %s", path, a.status, a.body)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// assemble completes a request and ends its header lines as HTTP/1.1 does.
func (p *player) assemble(head, body string) []byte {
	head, body = p.substitute(head), p.substitute(body)
	lines := strings.Split(head, "\n")
	fields := strings.Fields(lines[0])
	lines[0] = fields[0] + " " + p.path(fields[1]) + " " + fields[2]
	if !hasHeader(lines, "Host") {
		lines = append(lines, "Host: "+p.base.Host)
	}
	if !hasHeader(lines, "Authorization") {
		lines = append(lines, "Authorization: Bearer "+p.Token)
	}
	if body != "" && !hasHeader(lines, "Content-Length") {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}

// path puts the endpoint's base path in the place of the one that is written.
func (p *player) path(written string) string {
	if rest, ok := strings.CutPrefix(written, writtenPath); ok {
		return p.base.Path + rest
	}
	return written
}

func hasHeader(lines []string, name string) bool {
	return slices.ContainsFunc(lines[1:], func(line string) bool {
		given, _, _ := strings.Cut(line, ":")
		return strings.EqualFold(given, name)
	})
}

func (p *player) substitute(text string) string {
	return variable.ReplaceAllStringFunc(text, func(used string) string { return p.kept[used[2:len(used)-2]] })
}

// substituteIn puts values into every string of decoded JSON.
func (p *player) substituteIn(v any) any {
	switch v := v.(type) {
	case string:
		return p.substitute(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			out[name] = p.substituteIn(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = p.substituteIn(v[i])
		}
		return out
	default:
		return v
	}
}

// send sends bytes as they are on a connection of their own and reads the answer.
func (p *player) send(ctx context.Context, request []byte, method string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	connection, err := p.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := connection.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if _, err := connection.Write(request); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	a := &answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil || len(a.body) == 0 {
		return a, err
	}
	if err := json.Unmarshal(a.body, &a.json); err != nil {
		return nil, fmt.Errorf("the answer %d is not JSON: %w: %.200s", a.status, err, a.body)
	}
	return a, nil
}
