// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"net/http"
	_ "net/http/pprof" //nolint:gosec // this build of the server is for profiles
	"os"
	"time"

	"scim-operator.io/internal/cmd"
)

// profileListen is the variable with the host:port on which the profiled build serves
// its profiles.
const profileListen = "BENCH_PROFILE_LISTEN"

// runProfiled is `scim-operator serve`, with its profiles on a port of their own.
func runProfiled(args []string) error {
	profiles := &http.Server{Addr: os.Getenv(profileListen), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = profiles.ListenAndServe() }()
	root := cmd.NewRootCommand()
	root.SetArgs(append([]string{"serve"}, args...))
	return root.Execute()
}

// fixedAnswer is what the bare handler writes.
type fixedAnswer struct {
	Header http.Header
	Body   []byte
}

// runBare is the reference for reads: net/http with a handler that looks at nothing and
// writes the same bytes with the same headers.
func runBare(args []string) error {
	if len(args) != 2 {
		return errors.New("bare needs an address and a file")
	}
	text, err := os.ReadFile(args[1]) //nolint:gosec // written by this program
	if err != nil {
		return err
	}
	var answer fixedAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		for name, values := range answer.Header {
			h[name] = values
		}
		_, _ = w.Write(answer.Body)
	})
	server := &http.Server{Addr: args[0], Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}
