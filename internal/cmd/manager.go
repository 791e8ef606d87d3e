// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers"
	"scim-operator.io/controllers/scimendpoint"
	"scim-operator.io/internal/render"
	"scim-operator.io/internal/saml"
)

const (
	// leaderElectionID names the Lease; the manager's Role allows this one.
	leaderElectionID = "scim-operator.scim-operator.io"
	// managerContainer is the name of this process's container in config/manager.
	managerContainer = "manager"
	// managerShutdown is below the grace period of the manager's pod.
	managerShutdown = 20 * time.Second
)

// managerOptions are the flags of `manager`.
type managerOptions struct {
	podNamespace      string
	podName           string
	serverImage       string
	serverPullPolicy  string
	serverLogLevel    string
	kubeconfig        string
	metricsAddress    string
	metricsCertDir    string
	openMetrics       bool
	probeAddress      string
	leaderElect       bool
	leaderNamespace   string
	namespaces        []string
	internalAddresses bool
	internalIssuers   bool
	egress            egressOptions
	exposure          scimendpoint.ExposureRules
	logLevel          string
}

// NewManagerCommand is `scim-operator manager`.
func NewManagerCommand() *cobra.Command {
	o := managerOptions{podNamespace: os.Getenv("POD_NAMESPACE"), podName: os.Getenv("POD_NAME")}
	c := &cobra.Command{
		Use:   "manager",
		Short: "Reconcile identity providers, endpoints, users and groups",
		Long: `Runs the controllers. An IdentityProvider whose single sign-on is configured gets a
ScimEndpoint; a ScimEndpoint gets a token and a Deployment of servers behind a Service
and, where asked for, an Ingress or HTTPRoute; the status of every ScimUser and
ScimGroup says what became of it.

Two ports are served: Prometheus metrics at /metrics, over HTTPS and for those whose
bearer token lets them get that URL, and probes at /healthz (200 while the process works)
and /readyz (200 once the caches have synced and no admission policy is missing).

On SIGTERM it finishes the reconciles under way and gives up its lease, so that another
manager takes over at once. A second signal ends it at once.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	o.addFlags(c.Flags())
	return c
}

func (o *managerOptions) addFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&o.serverImage, "server-image", o.serverImage,
		"container image of the servers; by default the manager's own, which its pod tells (needed outside of a cluster)")
	f.StringVar(&o.serverPullPolicy, "server-image-pull-policy", "",
		"Always, IfNotPresent or Never; left out, Kubernetes chooses by the image's tag")
	f.StringVar(&o.serverLogLevel, "server-log-level", "",
		"least severe entries that servers log: debug, info or error; left out, the servers' default")
	f.StringSliceVar(&o.namespaces, "watch-namespaces", nil,
		"comma-separated namespaces to work in, in which alone it then needs rights; left out, all of them")
	f.StringSliceVar(&o.exposure.Annotations, "allowed-ingress-annotations", scimendpoint.DefaultIngressAnnotations,
		"comma-separated annotations that an endpoint may give its Ingress; one that ends in * allows all that begin so, and * alone allows all")
	f.BoolVar(&o.exposure.RequireAllowedHosts, "require-allowed-hosts", false,
		"expose endpoints only under the hosts that the annotation "+v1alpha1.AllowedHostsAnnotation+" of their Namespace lists; left out, a Namespace without the annotation may use every host")
	f.BoolVar(&o.internalIssuers, "allow-internal-oauth-urls", false,
		"let the URLs of OAuth issuers lead to internal addresses; whoever may write a ScimEndpoint can then make its servers send requests into the cluster's network")
	f.BoolVar(&o.internalAddresses, "allow-internal-metadata-urls", false,
		"let the URLs of sign-on metadata and OpenID issuers lead to loopback, link-local, private and other internal addresses; whoever may write an IdentityProvider can then make the manager send requests into the cluster's network")
	o.egress.addFlags(f)
	f.BoolVar(&o.leaderElect, "leader-elect", true,
		"work only while holding a lease, so that several managers may run and one works; switch it off only where no second manager can ever run")
	f.StringVar(&o.leaderNamespace, "leader-election-namespace", "",
		"namespace of the lease; by default the pod's own, and needed outside of a cluster")
	f.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443",
		"host:port to serve metrics on, over HTTPS to those whose token may get the URL /metrics; 0 switches them off")
	f.StringVar(&o.metricsCertDir, "metrics-cert-dir", "",
		"directory with tls.crt and tls.key, which are read again when they change; by default the certificate is self-signed")
	f.BoolVar(&o.openMetrics, "open-metrics", false,
		"serve metrics over HTTP to everybody who reaches the port, and have the servers do the same")
	f.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "host:port to serve probes on; 0 switches them off")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file; by default the pod's service account, or else what kubectl would use")
	f.StringVar(&o.logLevel, "log-level", "info", "least severe entries to log: debug, info or error")
}

func (o *managerOptions) validate() error {
	policies := []string{"", string(corev1.PullAlways), string(corev1.PullIfNotPresent), string(corev1.PullNever)}
	switch {
	case !slices.Contains(policies, o.serverPullPolicy):
		return fmt.Errorf("--server-image-pull-policy: %q is none of Always, IfNotPresent and Never", o.serverPullPolicy)
	case !slices.Contains([]string{"", "debug", "info", "error"}, o.serverLogLevel):
		return fmt.Errorf("--server-log-level: %q is none of debug, info and error", o.serverLogLevel)
	case slices.Contains(o.namespaces, ""):
		return errors.New("--watch-namespaces: a namespace is empty")
	default:
		return nil
	}
}

func (o *managerOptions) run(ctx context.Context) error {
	if err := o.validate(); err != nil {
		return err
	}
	log, err := newLogger(o.logLevel)
	if err != nil {
		return err
	}
	defer flush(log)
	limitMemory(log)
	config, err := restConfig(o.kubeconfig)
	if err != nil {
		return fmt.Errorf("the Kubernetes API: %w", err)
	}
	config.UserAgent = "scim-operator-manager/" + buildVersion()

	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process
	if o.serverImage == "" {
		if o.serverImage, err = o.ownImage(ctx, config); err != nil {
			return fmt.Errorf("which image the servers run: %w; give --server-image", err)
		}
	}
	mgr, err := o.newManager(ctx, config, log)
	if err != nil {
		return err
	}
	log.Info("starting", "version", buildVersion(), "serverImage", o.serverImage, "namespaces", o.namespaces)
	return mgr.Start(ctx)
}

// ownImage is the image that this process runs, as its pod's spec names it.
func (o *managerOptions) ownImage(ctx context.Context, config *rest.Config) (string, error) {
	if o.podNamespace == "" || o.podName == "" {
		return "", errors.New("the environment variables POD_NAMESPACE and POD_NAME name no pod")
	}
	c, err := client.New(config, client.Options{})
	if err != nil {
		return "", err
	}
	var pod corev1.Pod
	if err := c.Get(ctx, client.ObjectKey{Namespace: o.podNamespace, Name: o.podName}, &pod); err != nil {
		return "", err
	}
	for _, container := range pod.Spec.Containers {
		if container.Name == managerContainer {
			return container.Image, nil
		}
	}
	return "", fmt.Errorf("pod %s has no container named %s", o.podName, managerContainer)
}

// newManager makes a manager with every controller, ready to start.
func (o *managerOptions) newManager(ctx context.Context, config *rest.Config, log logr.Logger) (ctrl.Manager, error) {
	scheme, err := managerScheme()
	if err != nil {
		return nil, err
	}
	egress, err := o.egress.load()
	if err != nil {
		return nil, err
	}
	if egress.Proxy != nil {
		log.Info("requests to identity providers leave through a proxy", "proxy", egress.Proxy.String())
	}
	shutdown := managerShutdown
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Logger:                        log,
		Cache:                         controllers.CacheOptions(o.namespaces),
		Client:                        controllers.ClientOptions(),
		Metrics:                       o.metrics(),
		HealthProbeBindAddress:        o.probeAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              leaderElectionID,
		LeaderElectionNamespace:       o.leaderNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &shutdown,
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	if err := addProbes(mgr); err != nil {
		return nil, err
	}
	exposure := o.exposure
	exposure.Namespaces, exposure.Namespaced = o.namespaces, len(o.namespaces) > 0
	return mgr, controllers.Setup(ctx, mgr, controllers.Options{
		Servers: render.Options{
			Image:           o.serverImage,
			ImagePullPolicy: corev1.PullPolicy(o.serverPullPolicy),
			LogLevel:        o.serverLogLevel,
			InternalIssuers: o.internalIssuers,
			Egress:          egress.servers,
			OpenMetrics:     o.openMetrics,
		},
		Exposure: exposure,
		Metadata: saml.NewFetcher(saml.FetcherOptions{
			AllowInternal: o.internalAddresses,
			Egress:        egress.Egress,
			UserAgent:     "scim-operator/" + buildVersion(),
		}),
	})
}

func (o *managerOptions) metrics() metricsserver.Options {
	if o.openMetrics {
		return metricsserver.Options{BindAddress: o.metricsAddress}
	}
	return metricsserver.Options{
		BindAddress: o.metricsAddress, SecureServing: true, CertDir: o.metricsCertDir, FilterProvider: filterMetrics,
	}
}

func managerScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme, gatewayv1.Install} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

func addProbes(mgr ctrl.Manager) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return mgr.AddReadyzCheck("caches", cachesSynced(mgr.GetCache()))
}

func cachesSynced(c cache.Cache) healthz.Checker {
	return func(req *http.Request) error {
		if !c.WaitForCacheSync(req.Context()) {
			return errors.New("the caches have not synced yet")
		}
		return nil
	}
}
