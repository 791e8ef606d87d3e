// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/yaml"
)

const (
	formatJSON = "json"
	formatYAML = "yaml"
)

// print writes an answer in the format that was asked for.
func (s *session) print(answer any, asText func(io.Writer)) error {
	if s.format == "" {
		asText(s.out)
		return nil
	}
	encoded, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		return err
	}
	if s.format == formatYAML {
		if encoded, err = yaml.JSONToYAML(encoded); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(s.out, strings.TrimRight(string(encoded), "\n"))
	return err
}

// table aligns rows of cells as kubectl does.
func table(w io.Writer, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	_ = t.Flush()
}

// when tells a time by its distance from now: "3h ago", "in 12d".
func when(now time.Time, t *metav1.Time) string {
	switch {
	case t == nil || t.IsZero():
		return "-"
	case t.After(now):
		return "in " + duration.HumanDuration(t.Sub(now))
	}
	return duration.HumanDuration(now.Sub(t.Time)) + " ago"
}

// day tells a date and how far it is.
func day(now time.Time, t *metav1.Time) string {
	return t.UTC().Format(time.DateOnly) + " (" + when(now, t) + ")"
}

// counted is "1 user", "2 users".
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// orNone is a list for people.
func orNone(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return strings.Join(values, ", ")
}
