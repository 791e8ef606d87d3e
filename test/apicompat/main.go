// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("give two directories: that of the last release's CRDs, and that of today's")
	}
	before, err := read(args[0])
	if err != nil {
		return err
	}
	after, err := read(args[1])
	if err != nil {
		return err
	}
	breaks := compare(before, after)
	for _, b := range breaks {
		fmt.Fprintln(os.Stderr, b)
	}
	if len(breaks) > 0 {
		return fmt.Errorf("%d changes break objects or clients of the last release; docs/api-policy.md says what may change", len(breaks))
	}
	fmt.Printf("%d kinds of the last release are compatible.\n", len(before))
	return nil
}

// read finds the definitions in a directory and those below it.
func read(directory string) (crds, error) {
	found := crds{}
	files := os.DirFS(directory)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		for _, document := range bytes.Split(content, []byte("\n---\n")) {
			var crd apiextensionsv1.CustomResourceDefinition
			if yaml.Unmarshal(document, &crd) == nil && crd.Kind == "CustomResourceDefinition" {
				found[crd.Name] = &crd
			}
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("there is no CustomResourceDefinition in %s", directory)
	}
	return found, err
}
