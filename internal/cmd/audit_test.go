// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestAuditLinesSayWhatTheyAre(t *testing.T) {
	var out bytes.Buffer
	log := newAuditLogger(&out)
	log.Info("change", "status", 200)
	flush(log)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	for key, want := range map[string]any{"level": "info", "logger": "audit", "msg": "change", "status": 200.0} {
		if line[key] != want {
			t.Errorf("%s: %v, want %v", key, line[key], want)
		}
	}
	if line["time"] == nil {
		t.Error("there is no time")
	}
}

func TestTrustedProxies(t *testing.T) {
	for given, ok := range map[string]bool{"10.0.0.0/8": true, "10.1.2.3/8": true, "fd00::/8": true, "10.0.0.1": false, "proxy/8": false, "": false} {
		if _, err := networks([]string{given}); (err == nil) != ok {
			t.Errorf("%q: %v", given, err)
		}
	}
}
