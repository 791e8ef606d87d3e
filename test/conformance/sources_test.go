// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"scim-operator.io/test/transcript"
)

// sources looks tests up in the files of the repository.
type sources struct {
	root        string
	packages    map[string][]testFile
	transcripts map[string]*transcript.Transcript
}

// testFile is what a _test.go file declares: functions, and strings, among which are the
// names of rows and specs.
type testFile struct{ functions, literals []string }

func newSources(root string) *sources {
	return &sources{root: root, packages: map[string][]testFile{}, transcripts: map[string]*transcript.Transcript{}}
}

// find is nil when the test that a citation names exists.
func (s *sources) find(c citation) error {
	if strings.HasSuffix(c.where, ".http") {
		t, err := s.transcript(c.where)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(t.Titles(), func(title string) bool { return strings.Contains(title, c.what) }) {
			return fmt.Errorf("%s has no step %q", c.where, c.what)
		}
		return nil
	}
	files, err := s.files(c.where)
	if err != nil {
		return err
	}
	function, name, isRow := strings.Cut(c.what, "/")
	for _, file := range files {
		switch {
		case slices.Contains(file.functions, function) && !isRow,
			slices.Contains(file.functions, function) && slices.Contains(file.literals, name),
			!strings.HasPrefix(c.what, "Test") && slices.Contains(file.literals, c.what):
			return nil
		}
	}
	return fmt.Errorf("%s has no test %q", c.where, c.what)
}

func (s *sources) transcript(path string) (*transcript.Transcript, error) {
	if t := s.transcripts[path]; t != nil {
		return t, nil
	}
	text, err := os.ReadFile(filepath.Join(s.root, path))
	if err != nil {
		return nil, err
	}
	t, err := transcript.Parse(path, string(text))
	s.transcripts[path] = t
	return t, err
}

// files reads the tests of a package, whatever their build tags.
func (s *sources) files(directory string) ([]testFile, error) {
	if files, known := s.packages[directory]; known {
		return files, nil
	}
	paths, err := filepath.Glob(filepath.Join(s.root, directory, "*_test.go"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s holds no tests", directory)
	}
	if err != nil {
		return nil, err
	}
	var files []testFile
	for _, path := range paths {
		file, err := parseFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	s.packages[directory] = files
	return files, nil
}

func parseFile(path string) (testFile, error) {
	var f testFile
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return f, err
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			f.functions = append(f.functions, n.Name.Name)
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				f.literals = append(f.literals, text)
			}
		}
		return true
	})
	return f, nil
}
