// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/replica"
	"scim-operator.io/internal/scrape"
	"scim-operator.io/internal/server"
	"scim-operator.io/internal/store"
)

const leaveTimeout = 5 * time.Second

// minStaleness is the least bound on staleness that a server can keep at rest.
const minStaleness = 5 * time.Second

// maxScrapes bounds the requests for metrics that are answered at once.
const maxScrapes = 8

var errEnded = errors.New("it was to run until the process stops")

// serveOptions are the flags of `serve`.
type serveOptions struct {
	endpoint, baseURL         string
	namespace, podName, podIP string
	kubeconfig                string
	listen, opsListen         string
	peerListen                string
	logLevel                  string
	limits                    server.Limits
	maxStaleness              time.Duration
	trustedProxies            []string
	internalIssuers           bool
	egress                    egressOptions
	openMetrics               bool
}

// NewServeCommand is `scim-operator serve`.
func NewServeCommand() *cobra.Command {
	o := serveOptions{
		limits:       server.DefaultLimits(),
		maxStaleness: time.Minute,
		namespace:    os.Getenv("POD_NAMESPACE"),
		podName:      os.Getenv("POD_NAME"),
		podIP:        os.Getenv("POD_IP"),
	}
	c := &cobra.Command{
		Use:   "serve --endpoint=NAME --base-url=URL",
		Short: "Serve one SCIM endpoint",
		Long: `Serves SCIM 2.0 (RFC 7644) for one ScimEndpoint, and keeps its users, groups and other
resources as ScimUsers, ScimGroups and ScimResources of the same namespace. The manager
starts it in the endpoint's Deployment; outside of a cluster it works with a kubeconfig.

Three ports are served: SCIM (HTTP/1.1 and HTTP/2 without TLS, which the Ingress or
Gateway ends), one for what the endpoint's replicas ask each other to keep reads
consistent, and one for operations:

  /metrics  Prometheus metrics, for those whose bearer token lets them get
            scimendpoints/metrics of this endpoint
  /livez    200 while the process works
  /readyz   200 while requests can be answered: the directory has been read, the API
            server answers, the tokens are known, the other replicas know this one,
            and no shutdown has begun

On SIGTERM it becomes unready, asks its clients to close their connections, finishes
the requests under way and leaves its peers. A second signal ends it at once.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := positive(c.Flags()); err != nil {
				return err
			}
			return o.run(c.Context())
		},
	}
	o.addFlags(c.Flags())
	return c
}

func (o *serveOptions) addFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&o.endpoint, "endpoint", o.endpoint, "name of the ScimEndpoint to serve (required)")
	f.StringVar(&o.baseURL, "base-url", o.baseURL,
		"URL under which identity providers reach the endpoint, such as https://scim.example.com/scim/v2; its path is served (required)")
	f.StringVar(&o.namespace, "namespace", o.namespace, "namespace of the ScimEndpoint; default from the environment variable POD_NAMESPACE")
	f.StringVar(&o.podName, "pod-name", o.podName,
		"name by which the other replicas know this one; default from POD_NAME, or else the host's name")
	f.StringVar(&o.podIP, "pod-ip", o.podIP,
		"address at which the other replicas reach this one; default from POD_IP, or else 127.0.0.1")
	f.StringVar(&o.kubeconfig, "kubeconfig", o.kubeconfig,
		"kubeconfig file; by default the pod's service account, or else what kubectl would use")
	f.StringVar(&o.listen, "listen", ":8080", "host:port to serve SCIM on")
	f.StringVar(&o.opsListen, "ops-listen", ":8081", "host:port to serve metrics and probes on")
	f.BoolVar(&o.openMetrics, "open-metrics", false,
		"serve metrics to everybody who reaches the port; by default only to those whose token may get scimendpoints/metrics of this endpoint")
	f.StringVar(&o.peerListen, "peer-listen", ":8082", "host:port to answer the other replicas on; nobody else needs to reach it")
	f.StringSliceVar(&o.trustedProxies, "trusted-proxies", nil,
		"networks such as 10.0.0.0/8 of the proxies that say in X-Forwarded-For, or else in Forwarded, where a request comes from; without any, that is the other end of its connection")
	f.BoolVar(&o.internalIssuers, "allow-internal-oauth-urls", false,
		"let the URLs of an OAuth issuer lead to loopback, link-local, private and other internal addresses")
	o.egress.addFlags(f)
	f.StringVar(&o.logLevel, "log-level", "info", "least severe entries to log: debug, info or error; info logs every request")

	l := &o.limits
	f.IntVar(&l.URLBytes, "max-url-bytes", l.URLBytes, "length of a request's path and query in bytes; beyond it the answer is 414")
	f.IntVar(&l.HeaderBytes, "max-header-bytes", l.HeaderBytes, "size of a request's headers in bytes; beyond it the answer is 431")
	f.IntVar(&l.Connections, "max-connections", l.Connections, "connections open at once; beyond it the longest idle one is closed or, where none is idle, the new one")
	f.IntVar(&l.SourceConnections, "max-connections-per-source", l.SourceConnections, "connections open at once of one address (IPv6: of one network of 64 bits) that is no trusted proxy; beyond it likewise, among its own")
	f.DurationVar(&l.CursorTimeout, "cursor-timeout", l.CursorTimeout, "time that a client may take from one page of a list to the next when it pages by cursor")
	f.DurationVar(&l.RequestTimeout, "request-timeout", l.RequestTimeout, "time for a request once its headers have arrived, Kubernetes API calls included; then the answer is 503")
	f.DurationVar(&l.ReadHeaderTimeout, "read-header-timeout", l.ReadHeaderTimeout, "time for a request's headers to arrive; then the connection is closed")
	f.DurationVar(&l.ReadTimeout, "read-timeout", l.ReadTimeout, "time for a whole request to arrive; then the answer is 408")
	f.DurationVar(&l.WriteTimeout, "write-timeout", l.WriteTimeout, "time until the answer has been sent; then the connection is closed")
	f.DurationVar(&l.IdleTimeout, "idle-timeout", l.IdleTimeout, "time a connection may be without a request; keep it longer than your load balancer's")
	f.DurationVar(&l.ShutdownDelay, "shutdown-delay", l.ShutdownDelay, "time between SIGTERM and the end of accepting connections, in which clients are asked to leave")
	f.DurationVar(&l.ShutdownTimeout, "shutdown-timeout", l.ShutdownTimeout, "time for requests under way to finish after that")
	f.DurationVar(&o.maxStaleness, "max-staleness", o.maxStaleness, "how old what is read may be when the Kubernetes API does not tell what has changed, at least 5s; beyond it the answer is 503")
}

// positive refuses numbers and durations below 0, and of 0, which elsewhere stands for
// the default.
func positive(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if v := f.Value.String(); v == "0" || v == "0s" || isNegative(v) {
			err = fmt.Errorf("--%s: it must be more than 0", f.Name)
		}
	})
	return err
}

// isNegative takes a value that begins as an option does for a number below 0: no other
// flag's value begins so.
func isNegative(value string) bool { return strings.HasPrefix(value, "-") }

func (o *serveOptions) complete() error {
	if o.podName == "" {
		o.podName, _ = os.Hostname()
	}
	if o.podIP == "" {
		o.podIP = "127.0.0.1"
	}
	switch {
	case o.endpoint == "":
		return errors.New("--endpoint is required")
	case o.baseURL == "":
		return errors.New("--base-url is required")
	case o.namespace == "":
		return errors.New("--namespace or the environment variable POD_NAMESPACE is required")
	case o.maxStaleness < minStaleness:
		return fmt.Errorf("--max-staleness: it must be at least %v, since to catch up takes seconds", minStaleness)
	case o.podName == "":
		return errors.New("--pod-name is required")
	}
	return nil
}

func (o *serveOptions) run(ctx context.Context) error {
	if err := o.complete(); err != nil {
		return err
	}
	log, err := newLogger(o.logLevel)
	if err != nil {
		return err
	}
	defer flush(log)
	audit := newAuditLogger(os.Stdout)
	defer flush(audit)
	limitGarbage()
	limitMemory(log)
	config, err := restConfig(o.kubeconfig)
	if err != nil {
		return fmt.Errorf("the Kubernetes API: %w", err)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process
	p, err := o.newProcess(ctx, config, log, audit)
	if err != nil {
		return err
	}
	return p.run(ctx)
}

// serveProcess is one running `serve`.
type serveProcess struct {
	log      logr.Logger
	scim     net.Listener
	ops      net.Listener
	peers    net.Listener
	registry *prometheus.Registry
	scrape   *scrape.Gate // nil lets everybody in
	replica  *replica.Replica
	store    *store.Store
	server   *server.Server
	stopping atomic.Bool
}

// newProcess listens first: the port for peers is part of what they are told.
func (o *serveOptions) newProcess(ctx context.Context, config *rest.Config, log, audit logr.Logger) (p *serveProcess, err error) {
	p = &serveProcess{log: log, registry: prometheus.NewRegistry()}
	defer func() {
		if err != nil {
			p.closeListeners()
		}
	}()
	p.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var listen net.ListenConfig
	if p.scim, err = listen.Listen(ctx, "tcp", o.listen); err != nil {
		return nil, err
	}
	if p.ops, err = listen.Listen(ctx, "tcp", o.opsListen); err != nil {
		return nil, err
	}
	if p.peers, err = listen.Listen(ctx, "tcp", o.peerListen); err != nil {
		return nil, err
	}
	if p.scrape, err = o.scrapeGate(config, log); err != nil {
		return nil, err
	}
	definition, err := replica.ReadDefinition(ctx, config, o.namespace, o.endpoint)
	if err != nil {
		return nil, err
	}
	proxies, err := networks(o.trustedProxies)
	if err != nil {
		return nil, err
	}
	egress, err := o.egress.load()
	if err != nil {
		return nil, err
	}
	types, err := store.NewTypes(&definition.ScimEndpointTemplate)
	if err != nil {
		return nil, fmt.Errorf("ScimEndpoint %s/%s: spec.resourceTypes and spec.extensions: %w", o.namespace, o.endpoint, err)
	}
	p.replica, err = replica.New(replica.Config{
		REST: config, Namespace: o.namespace, Endpoint: o.endpoint, Name: o.podName,
		Address: peerAddress(o.podIP, p.peers.Addr()), Log: log.WithName("replica"),
		Unreadable: func() store.Unreadable { return p.store.Unreadable() }, // not asked before Run
	})
	if err != nil {
		return nil, err
	}
	p.store, err = store.New(store.Config{
		REST: config, Namespace: o.namespace, Endpoint: o.endpoint, BaseURL: o.baseURL, Types: types,
		Linking: store.NewLinking(definition), Domains: definition.RequiredEmailDomains(), Elsewhere: p.replica.ProvisionedElsewhere, Peers: p.replica, Eventual: p.replica.Eventual, Log: log.WithName("store"), MaxStaleness: o.maxStaleness,

		ImmutableExternalIDs: definition.ExternalIDs == v1alpha1.ExternalIDsImmutable,
	})
	if err != nil {
		return nil, err
	}
	p.server, err = server.New(server.Config{
		BaseURL: o.baseURL, Types: types, Store: p.store, Tokens: p.replica, AccessTokens: o.accessTokens(definition, egress.Egress, p.replica.NoteOAuth), State: p.replica, Cursors: p.replica, Peers: p.replica,
		Limits: withinLimits(o.limits, definition.Limits), Metrics: p.registry, Log: log.WithName("server"), Me: me(definition), MeOfTokens: meOfTokens(definition), Issuer: issuer(definition), Proxies: proxies,
		Audit: server.Audit{Log: audit, Namespace: o.namespace, Endpoint: o.endpoint, Settings: auditSettings{p.replica}},
		Notes: p.replica,

		IgnoreUnknownAttributes: definition.UnknownAttributes == v1alpha1.UnknownAttributesIgnored,
	})
	return p, err
}

// withinLimits are the limits of the flags with those of the endpoint.
func withinLimits(l server.Limits, of *v1alpha1.EndpointLimits) server.Limits {
	l.BodyBytes, l.BulkBytes = of.MaxBodyBytes.Value(), of.MaxBulkBytes.Value()
	l.BulkOperations = int(*of.MaxBulkOperations)
	l.DefaultPageSize, l.MaxPageSize = int(*of.DefaultPageSize), int(*of.MaxPageSize)
	l.Concurrent, l.RequestsPerSecond = int(*of.MaxConcurrentRequests), int(*of.RequestsPerSecond)
	return l
}

// networks reads those of the trusted proxies.
func networks(cidrs []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(cidrs))
	for _, cidr := range cidrs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxies: %q is no network such as 10.0.0.0/8", cidr)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

// me is the subject of every token of the endpoint, nil when it is nobody.
func me(definition *v1alpha1.ScimEndpointSpec) *server.Subject {
	if definition.Me == nil {
		return nil
	}
	return &server.Subject{Attribute: "userName", Value: definition.Me.UserName}
}

func (p *serveProcess) closeListeners() {
	for _, l := range []net.Listener{p.scim, p.ops, p.peers} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// run serves until ctx ends or a part fails. The parts end in this order: SCIM, so that
// nothing more is acknowledged; the membership among the replicas; what both rest on.
func (p *serveProcess) run(ctx context.Context) error {
	below, stopBelow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBelow()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	ops := &http.Server{Handler: p.opsHandler(), MaxHeaderBytes: 16 << 10,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute}
	peers := p.replica.PeerServer(replica.Answers{Revisions: p.store.Revisions, Bookmark: p.server.Bookmark})
	var parts sync.WaitGroup
	failed := make(chan error, 4)
	part := func(name string, run func() error) {
		parts.Go(func() {
			err := run()
			if ctx.Err() == nil { // nothing is meant to end yet
				failed <- fmt.Errorf("the part %q ended: %w", name, errors.Join(err, errEnded))
				cancel()
			}
		})
	}
	part("operations", func() error { return ops.Serve(p.ops) })
	part("peers", func() error { return peers.Serve(p.replica.PeerListener(p.peers)) })
	part("store", func() error { return p.store.Run(below) })
	part("replica", func() error { return p.replica.Run(below) })
	stopAfter := context.AfterFunc(ctx, func() {
		p.stopping.Store(true)
		p.log.Info("stopping")
	})
	defer stopAfter()
	p.log.Info("serving", "scim", p.scim.Addr().String(), "operations", p.ops.Addr().String(), "peers", p.peers.Addr().String())

	serveErr := p.server.Serve(ctx, p.scim)
	p.stopping.Store(true)
	stopBelow()
	leaving, done := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer done()
	if err := p.replica.Leave(leaving); err != nil {
		p.log.Error(err, "leaving the other replicas")
	}
	_ = ops.Close()
	_ = peers.Close()
	parts.Wait()
	p.log.Info("stopped")
	select {
	case err := <-failed:
		return errors.Join(err, serveErr)
	default:
		return serveErr
	}
}

// peerAddress is where peers reach the port for them.
func peerAddress(podIP string, peers net.Addr) string {
	_, port, _ := net.SplitHostPort(peers.String())
	return net.JoinHostPort(podIP, port)
}

// restConfig is the pod's own, or what kubectl would use.
func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		if config, err := rest.InClusterConfig(); !errors.Is(err, rest.ErrNotInCluster) {
			return withoutClientLimits(config), err
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	return withoutClientLimits(config), err
}

// withoutClientLimits leaves the pace to the API server's priority and fairness.
func withoutClientLimits(config *rest.Config) *rest.Config {
	if config != nil {
		config.QPS = -1
		config.UserAgent = "scim-operator-serve/" + buildVersion()
	}
	return config
}
