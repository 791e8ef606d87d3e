// SPDX-License-Identifier: Apache-2.0

// Package assets finds the API server and etcd that tests start.
package assets

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Directory is where kube-apiserver and etcd are: KUBEBUILDER_ASSETS, else what
// hack/envtest-assets.sh fetches or builds. A test that cannot have them fails.
func Directory() (string, error) {
	if directory := os.Getenv("KUBEBUILDER_ASSETS"); directory != "" {
		return directory, nil
	}
	script := exec.Command(filepath.Join(Root(), "hack", "envtest-assets.sh")) //nolint:gosec,noctx // a script of this repository, which bounds itself
	script.Stderr = os.Stderr
	out, err := script.Output()
	if err != nil {
		return "", fmt.Errorf("no API server to test against; set KUBEBUILDER_ASSETS or see why hack/envtest-assets.sh fails: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Root is the root of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
