// SPDX-License-Identifier: Apache-2.0

package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// No error that a client is answered with speaks of Kubernetes: the client has no access to
// it, and what it is called there is nothing to the client.
func TestErrorsNameNothingOfKubernetes(t *testing.T) {
	forbidden := []string{"kubectl", "Kubernetes", "Scim", "scim-operator.io", "namespace", "annotation", "custom resource", "linking:", "spec."}
	texts := 0
	for _, file := range sources(t, "../scim", "../store", ".") {
		for _, text := range answeredTexts(file) {
			texts++
			for _, word := range forbidden {
				if strings.Contains(text, word) {
					t.Errorf("an answer has %q in it: %s", word, text)
				}
			}
		}
	}
	if texts < 100 {
		t.Errorf("only %d texts were found: the test does not see them any more", texts)
	}
}

func sources(t *testing.T, directories ...string) (files []*ast.File) {
	t.Helper()
	for _, directory := range directories {
		names, err := filepath.Glob(filepath.Join(directory, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	return files
}

// answeredTexts are the texts from which errors for clients are made: in calls of the functions
// that make them, and in literals of scim.Error.
func answeredTexts(file *ast.File) (texts []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if makesAnswers(nameOf(n.Fun)) {
				texts = append(texts, textsIn(n)...)
			}
		case *ast.CompositeLit:
			if nameOf(n.Type) == "Error" {
				texts = append(texts, textsIn(n)...)
			}
		}
		return true
	})
	return texts
}

func makesAnswers(function string) bool {
	if function == "Errorf" { // nobody is answered with those
		return false
	}
	return slices.Contains([]string{"refuse", "unavailable", "NewError", "pathError", "filterError"}, function) ||
		strings.HasPrefix(function, "Err") || strings.HasPrefix(function, "err")
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	default:
		return ""
	}
}

func textsIn(n ast.Node) (texts []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}
