// SPDX-License-Identifier: Apache-2.0

// Package testenv runs a controller against a real API server in tests, and checks every
// version of every object that appears there against the kstatus contract. Managers run
// with the permissions and under the admission policies of config/.
package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/test/assets"
	"scim-operator.io/test/kstatus"
)

const (
	// Bound is how long anything may take to come true.
	Bound = 30 * time.Second
	// Poll is how often it is looked at.
	Poll = 50 * time.Millisecond
	// Quiet is how long nothing must happen to count as rest.
	Quiet = 3 * time.Second
	// Image is what managers may run as servers.
	Image = "registry.example.com/scim-operator:v1"
	// leaderElectionID names the Lease that the manager's Role allows.
	leaderElectionID = "scim-operator.scim-operator.io"
)

// Setup registers controllers with a manager.
type Setup func(context.Context, ctrl.Manager) error

// Env is an API server and what it takes to use it.
type Env struct {
	// Client reads and writes without a cache, with every permission.
	Client client.WithWatch
	// Output is what all managers have logged.
	Output *Output
	// NoStatus says that the controller's kind has none that could be checked.
	NoStatus bool

	server   *envtest.Environment
	config   *rest.Config
	manager  *rest.Config
	scheme   *apiruntime.Scheme
	cache    func() cache.Options
	observer *kstatus.Observer
	writes   *writes
	mu       sync.Mutex
	serial   int
}

// Start starts the API server. The managers that are run against it get caches with the
// options given.
func Start(cacheOptions func() cache.Options) *Env {
	e := &Env{cache: cacheOptions, Output: &Output{}}
	e.scheme = apiruntime.NewScheme()
	for _, add := range []func(*apiruntime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme, gatewayv1.Install} {
		gomega.Expect(add(e.scheme)).To(gomega.Succeed())
	}
	log.SetLogger(funcr.New(e.Output.write, funcr.Options{Verbosity: 1}))
	binaries, err := assets.Directory()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	e.server = &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join(assets.Root(), "config", "crd", "bases")},
		ErrorIfCRDPathMissing:    true,
		BinaryAssetsDirectory:    binaries,
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	e.config, err = e.server.Start()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	e.config.QPS = -1
	// Specs write what only an endpoint's server may.
	e.Client = e.As("spec", "system:masters", "scim-operator.io:break-glass")
	e.install("config/policy/*.yaml")
	e.install("config/protection/*.yaml")
	e.install("config/rbac/role.yaml")
	e.install("config/rbac/restore_role.yaml")
	e.install("config/rbac/server_image.yaml")
	e.allowImage()
	e.manager = e.newManagerUser()
	e.observer = kstatus.Observe(e.Client)
	return e
}

// As is a client of somebody. In the group system:masters RBAC lets them do everything, so
// that only the admission policies are left to refuse.
func (e *Env) As(user string, groups ...string) client.WithWatch {
	config := rest.CopyConfig(e.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	c, err := client.NewWithWatch(config, client.Options{Scheme: e.scheme})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return c
}

// install creates the cluster-scoped objects in the manifests of the repository.
func (e *Env) install(pattern string) {
	files, err := filepath.Glob(filepath.Join(assets.Root(), pattern))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(files).NotTo(gomega.BeEmpty(), pattern)
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		text, err := os.ReadFile(file)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
		for {
			obj := &unstructured.Unstructured{}
			err := decoder.Decode(obj)
			if errors.Is(err, io.EOF) {
				break
			}
			gomega.Expect(err).NotTo(gomega.HaveOccurred(), file)
			if obj.GetKind() != "" {
				gomega.Expect(e.Client.Create(context.Background(), obj)).To(gomega.Succeed(), file)
			}
		}
	}
}

// allowImage puts the image of these tests into the role of those that managers may run.
func (e *Env) allowImage() {
	role := &rbacv1.ClusterRole{}
	gomega.Expect(e.Get(context.Background(), "", "scim-operator-server-image", role)).To(gomega.Succeed())
	role.Rules[0].ResourceNames = []string{Image}
	gomega.Expect(e.Client.Update(context.Background(), role)).To(gomega.Succeed())
}

// newManagerUser makes the user as which managers run, with the permissions that the
// manager has in a real cluster and no others.
func (e *Env) newManagerUser() *rest.Config {
	const name = "system:serviceaccount:scim-operator-system:scim-operator"
	user, err := e.server.AddUser(envtest.User{Name: name}, e.config)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(e.Client.Create(context.Background(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "manager"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scim-operator-manager"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	})).To(gomega.Succeed())
	e.mayElect(name)
	config := user.Config()
	config.QPS = -1
	e.writes = &writes{}
	config.Wrap(e.writes.count)
	return config
}

// mayElect gives a user the manager's Role for its Lease, in the namespace of these tests.
func (e *Env) mayElect(user string) {
	role := &rbacv1.Role{}
	text, err := os.ReadFile(filepath.Join(assets.Root(), "config/rbac/leader_election.yaml"))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096).Decode(role)).To(gomega.Succeed())
	role.Namespace = metav1.NamespaceDefault
	gomega.Expect(e.Client.Create(context.Background(), role)).To(gomega.Succeed())
	gomega.Expect(e.Client.Create(context.Background(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name, Namespace: role.Namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})).To(gomega.Succeed())
}

// Stop stops the API server and asserts that every status that was ever seen obeyed the
// contract.
func (e *Env) Stop() {
	if e == nil || e.server == nil {
		return
	}
	violations, seen := e.observer.Stop()
	gomega.Expect(e.server.Stop()).To(gomega.Succeed())
	gomega.Expect(violations).To(gomega.BeEmpty(), "of %d versions", seen)
	if !e.NoStatus {
		gomega.Expect(seen).To(gomega.BeNumerically(">", 0), "no status was checked")
	}
	gomega.Expect(e.Output.String()).NotTo(gomega.MatchRegexp(kstatus.TokenPattern), "a token was logged")
}

// Run runs a manager with the given controllers until the returned function is called.
func (e *Env) Run(setup Setup) (stop func()) { return e.run(setup, true) }

// RunBeside runs another manager that works while the first does, as one that has lost its
// Lease and has not noticed.
func (e *Env) RunBeside(setup Setup) (stop func()) { return e.run(setup, false) }

func (e *Env) run(setup Setup, elected bool) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	options := ctrl.Options{
		Scheme:  e.scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		// As in a cluster, but with more patience than a busy machine needs.
		LeaderElection:                elected,
		LeaderElectionID:              leaderElectionID,
		LeaderElectionNamespace:       metav1.NamespaceDefault,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 ptr.To(90 * time.Second),
		RenewDeadline:                 ptr.To(60 * time.Second),
		Cache:                         e.cache(),
		Client:                        child.ClientOptions(),
		// A test may run several managers one after the other.
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	}
	mgr, err := ctrl.NewManager(e.manager, options)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(setup(ctx, mgr)).To(gomega.Succeed())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	gomega.Expect(mgr.GetCache().WaitForCacheSync(ctx)).To(gomega.BeTrue())
	var once sync.Once
	return func() {
		once.Do(func() {
			cancel()
			gomega.Eventually(done, Bound).Should(gomega.Receive(gomega.BeNil()))
		})
	}
}

// InstallCRDs adds definitions of other kinds from a module of this build.
func (e *Env) InstallCRDs(module, file string) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	_, err = envtest.InstallCRDs(e.config, envtest.CRDInstallOptions{
		Paths:              []string{filepath.Join(strings.TrimSpace(string(out)), file)},
		ErrorIfPathMissing: true,
	})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
}

// Namespace makes a namespace of its own for a test.
func (e *Env) Namespace(ctx context.Context) string {
	e.mu.Lock()
	e.serial++
	name := fmt.Sprintf("test-%d", e.serial)
	e.mu.Unlock()
	gomega.Expect(e.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})).To(gomega.Succeed())
	return name
}

// Get reads an object into obj.
func (e *Env) Get(ctx context.Context, namespace, name string, obj client.Object) error {
	return e.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, obj)
}

// ResourceVersions lists the versions of all objects of the given kinds in a namespace.
func (e *Env) ResourceVersions(ctx context.Context, namespace string, kinds ...client.ObjectList) map[string]string {
	versions := map[string]string{}
	for _, list := range kinds {
		gomega.Expect(e.Client.List(ctx, list, client.InNamespace(namespace))).To(gomega.Succeed())
		items, err := objects(list)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		for _, obj := range items {
			versions[fmt.Sprintf("%T %s", obj, obj.GetName())] = obj.GetResourceVersion()
		}
	}
	return versions
}

// Output collects log lines.
type Output struct {
	mu    sync.Mutex
	lines strings.Builder
}

func (o *Output) write(prefix, args string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, _ = fmt.Fprintln(&o.lines, prefix, args)
}

// String is everything logged so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lines.String()
}

func objects(list client.ObjectList) ([]client.Object, error) {
	var items []client.Object
	err := meta.EachListItem(list, func(item apiruntime.Object) error {
		items = append(items, item.(client.Object))
		return nil
	})
	return items, err
}
