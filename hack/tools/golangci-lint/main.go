// Golangci-lint with kube-api-linter compiled in. `golangci-lint custom` would do the same,
// but clones golangci-lint's repository; this needs nothing that is not in go.mod.
package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"
	_ "sigs.k8s.io/kube-api-linter"
)

// version is golangci-lint's, set when linking.
var version string

func main() {
	err := commands.Execute(commands.BuildInfo{
		GoVersion: runtime.Version(),
		Version:   cmp.Or(strings.TrimPrefix(version, "v"), "unknown"),
		Commit:    "Go modules, with kube-api-linter,",
		Date:      runtime.GOOS + "/" + runtime.GOARCH,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "The command is terminated due to an error:", err)
		os.Exit(exitcodes.Failure)
	}
}
