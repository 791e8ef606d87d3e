// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/config/policy"
)

func TestManagerFlags(t *testing.T) {
	for _, row := range []struct {
		name, args, want string
	}{
		{"no image and no pod to take it from", "--kubeconfig=testdata/kubeconfig", "give --server-image"},
		{"a pull policy that does not exist", "--server-image=x --server-image-pull-policy=Maybe", `"Maybe" is none of`},
		{"a level for servers that does not exist", "--server-image=x --server-log-level=loud", `"loud" is none of`},
		{"an empty namespace", "--server-image=x --watch-namespaces=a,,b", "a namespace is empty"},
		{"a level that does not exist", "--server-image=x --log-level=loud", `"loud" is none of`},
		{"a flag that does not exist", "--server-imgae=x", "unknown flag"},
		{"an argument", "--server-image=x please", "unknown command"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv("POD_NAME", "")
			c := NewManagerCommand()
			c.SetArgs(strings.Fields(row.args))
			c.SetOut(io.Discard)
			c.SetErr(io.Discard)
			err := c.Execute()
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// TestManagerRuns starts the manager as main does, against a real API server.
func TestManagerRuns(t *testing.T) {
	config := startAPIServer(t)
	log, err := newLogger("error")
	if err != nil {
		t.Fatal(err)
	}
	expectOwnImage(t, config)
	installPolicies(t, config)
	var o managerOptions
	flags := pflag.NewFlagSet("manager", pflag.ContinueOnError)
	o.addFlags(flags)
	err = flags.Parse([]string{"--server-image=registry.example.com/scim-operator:v1", "--leader-election-namespace=default",
		"--metrics-bind-address=" + freeAddress(t), "--health-probe-bind-address=" + freeAddress(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	mgr, err := o.newManager(ctx, config, log)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()

	eventually(t, "/readyz answers 200", func() bool { return status(t, "http://"+o.probeAddress+"/readyz") == http.StatusOK })
	eventually(t, "/healthz answers 200", func() bool { return status(t, "http://"+o.probeAddress+"/healthz") == http.StatusOK })
	requireGuarded(t, config, "https://"+o.metricsAddress+"/metrics", &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "reads-the-managers-metrics"},
		Rules:      []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}},
	})
	lease := func() (holder string, err error) {
		var l coordinationv1.Lease
		key := client.ObjectKey{Namespace: "default", Name: leaderElectionID}
		err = mgr.GetAPIReader().Get(t.Context(), key, &l)
		return ptr.Deref(l.Spec.HolderIdentity, ""), err
	}
	eventually(t, "the lease is held", func() bool {
		holder, err := lease()
		return err == nil && holder != ""
	})

	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the manager ended with %v", err)
		}
	case <-time.After(managerShutdown + servePatience):
		t.Fatal("the manager did not end")
	}
	if holder, err := lease(); err != nil || holder != "" {
		t.Errorf("the lease is held by %q (error %v), so that the next manager has to wait", holder, err)
	}
}

// installPolicies puts the admission policies in force, without which a manager is not ready.
func installPolicies(t *testing.T, config *rest.Config) {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	required, err := policy.Required()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range required {
		meta := metav1.ObjectMeta{Name: p.Name}
		for _, object := range []client.Object{
			&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: p.Spec},
			&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: p.Binding},
		} {
			if err := c.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// expectOwnImage makes a pod as in config/manager and asks for the image that it runs.
func expectOwnImage(t *testing.T, config *rest.Config) {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "manager-0", Namespace: "default"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "proxy", Image: "other"}, {Name: "manager", Image: "registry.example.com/scim-operator:v2"}},
	}}
	if err := c.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	o := managerOptions{podNamespace: "default", podName: "manager-0"}
	if image, err := o.ownImage(t.Context(), config); err != nil || image != "registry.example.com/scim-operator:v2" {
		t.Errorf("the image is %q, %v", image, err)
	}
	o.podName = "manager-1"
	if _, err := o.ownImage(t.Context(), config); err == nil {
		t.Error("a pod that does not exist has an image")
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, servePatience, true,
		func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		t.Fatalf("it does not come true that %s", what)
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
