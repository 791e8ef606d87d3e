// SPDX-License-Identifier: Apache-2.0

// Package transcript reads and plays transcripts: text files of HTTP requests, byte for
// byte as a client sends them, and of what must be answered.
//
//	# Lines before the first step say what the file is about.
//
//	### what this step shows
//	POST /scim/v2/Users HTTP/1.1
//	Content-Type: application/json
//
//	{"userName": "bjensen-{{run}}@example.com"}
//	=== 201
//	Location: *
//	{"userName": "bjensen-{{run}}@example.com", "password": null}
//	@user = id
//	@version = header ETag
//
// A request is completed, where it does not say them itself, with Host, Content-Length
// and Authorization, and its path begins with the path of the endpoint's base URL in the
// place of /scim/v2.
//
// In an answer, "*" stands for anything but nothing, and null or an empty header for
// nothing; "not x" as the value of a header is anything but x. What an object holds beyond
// what is written does not matter. The values of a list may come in any order, except in
// Resources and Operations, but there are no more and no fewer. An answer of 400 and above
// is a SCIM error in every respect (RFC 7644 §3.12).
//
// @name = path keeps a value of the body, @name = header H one of the headers, and
// {{name}} puts it into what follows. Given are {{base}}, the base URL; {{run}}, digits
// that are different in every run; {{token}}; and {{basic}}, Basic credentials with the
// token as the password.
package transcript

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Transcript is one file of steps that build on each other.
type Transcript struct {
	// Name is the file's path without its extension.
	Name string
	// About is what the file says before its first step.
	About string
	steps []step
}

// step is one request and what must be answered.
type step struct {
	title   string
	head    string // the request line and the headers, lines ended by \n
	body    string
	status  int
	headers []pair
	json    any // nil when the body does not matter
	keep    []pair
}

type pair struct{ name, value string }

// given are the variables that exist before the first step.
var given = []string{"base", "run", "token", "basic"}

var (
	titleLine = regexp.MustCompile(`(?m)^### (.*)\n`)
	variable  = regexp.MustCompile(`\{\{([^{}]*)\}\}`)
)

const extension = ".http"

// Read reads every transcript of a file tree, in the order of their names.
func Read(fsys fs.FS) ([]*Transcript, error) {
	var all []*Transcript
	err := fs.WalkDir(fsys, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, extension) {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		t, err := Parse(strings.TrimSuffix(path, extension), string(text))
		all = append(all, t)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("there is no transcript")
	}
	return all, err
}

// Parse reads one transcript. Errors name the step and what is wrong with it.
func Parse(name, text string) (*Transcript, error) {
	titles := titleLine.FindAllStringSubmatchIndex(text, -1)
	if len(titles) == 0 {
		return nil, fmt.Errorf("%s: there is no step, which begins with ###", name)
	}
	t := &Transcript{Name: name, About: about(text[:titles[0][0]])}
	known := slices.Clone(given)
	for i, at := range titles {
		end := len(text)
		if i+1 < len(titles) {
			end = titles[i+1][0]
		}
		title, content := text[at[2]:at[3]], text[at[1]:end]
		s, err := parseStep(content)
		if err == nil {
			err = checkVariables(content, known)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, title, err)
		}
		s.title = title
		t.steps = append(t.steps, *s)
		for _, k := range s.keep {
			known = append(known, k.name)
		}
	}
	return t, nil
}

// Titles are the steps' titles in order.
func (t *Transcript) Titles() []string {
	titles := make([]string, len(t.steps))
	for i := range t.steps {
		titles[i] = t.steps[i].title
	}
	return titles
}

func about(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(strings.TrimPrefix(line, "#")))
	}
	return strings.TrimSpace(strings.Join(lines, " "))
}

func parseStep(text string) (*step, error) {
	request, expected, ok := strings.Cut(text, "\n=== ")
	if !ok {
		return nil, fmt.Errorf("no line begins with ===")
	}
	s := &step{}
	head, body, _ := strings.Cut(strings.TrimLeft(request, "\n"), "\n\n")
	s.head, s.body = strings.TrimRight(head, "\n"), strings.TrimRight(body, "\n")
	line, _, _ := strings.Cut(s.head, "\n")
	if fields := strings.Fields(line); len(fields) != 3 {
		return nil, fmt.Errorf("the request line %q is not: method, path, version", line)
	}
	return s, s.expect(expected)
}

// expect reads what follows ===: the status, then headers, JSON and what to keep.
func (s *step) expect(text string) (err error) {
	status, rest, _ := strings.Cut(text, "\n")
	if s.status, err = strconv.Atoi(strings.TrimSpace(status)); err != nil {
		return fmt.Errorf("the status %q is not a number", status)
	}
	var body strings.Builder
	for line := range strings.Lines(rest) {
		name, value, isHeader := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case strings.HasPrefix(line, "@"):
			kept, path, _ := strings.Cut(line[1:], "=")
			s.keep = append(s.keep, pair{strings.TrimSpace(kept), strings.TrimSpace(path)})
		case body.Len() == 0 && isHeader && !strings.HasPrefix(line, "{"):
			s.headers = append(s.headers, pair{name, strings.TrimSpace(value)})
		default:
			body.WriteString(line)
		}
	}
	if strings.TrimSpace(body.String()) == "" {
		return nil
	}
	if err = json.Unmarshal([]byte(body.String()), &s.json); err != nil {
		return fmt.Errorf("the JSON of the answer: %w", err)
	}
	return nil
}

func checkVariables(text string, known []string) error {
	for _, used := range variable.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(known, used[1]) {
			return fmt.Errorf("{{%s}} was not kept by a step before", used[1])
		}
	}
	return nil
}
