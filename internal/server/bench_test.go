// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// The reads that identity providers repeat, against a handler that only writes the same
// bytes: `go test -bench Reads`. What is compared is the server; the store answers from
// a table.
func BenchmarkReads(b *testing.B) {
	fixed := newFixedStore(b)
	for name, path := range map[string]string{
		"GetByID":  "/Users/" + fixed.resource.ID,
		"Filter":   "/Users?startIndex=1&count=100&filter=" + url.QueryEscape(`userName eq "bjensen@example.com"`),
		"NotFound": "/Users/none",
	} {
		e := newEndpoint(b, func(c *Config) { c.Store = fixed; c.Log = discardedJSON() })
		answer := serveOnce(b, e.Server, path)
		bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = contentTypeHeader
			_, _ = w.Write(answer)
		})
		b.Run(name+"/server", func(b *testing.B) { drive(b, e.Server, path) })
		b.Run(name+"/bare", func(b *testing.B) { drive(b, bare, path) })
	}
}

// discardedJSON is the log of production, written to nowhere.
func discardedJSON() logr.Logger {
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	return zapr.NewLogger(zap.New(zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), zapcore.InfoLevel)))
}

func serveOnce(b *testing.B, handler http.Handler, path string) []byte {
	b.Helper()
	var body []byte
	withServer(b, handler, func(client *http.Client, base string) {
		body = fetch(b, client, base+path)
	})
	return body
}

func withServer(b *testing.B, handler http.Handler, use func(client *http.Client, base string)) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: handler}
	go func() { _ = s.Serve(l) }()
	defer func() { _ = s.Close() }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	use(client, "http://"+l.Addr().String()+basePath)
}

func fetch(b *testing.B, client *http.Client, target string) []byte {
	request, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+string(testToken))
	response, err := client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func drive(b *testing.B, handler http.Handler, path string) {
	withServer(b, handler, func(client *http.Client, base string) {
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				fetch(b, client, base+path)
			}
		})
		b.StopTimer()
	})
}

// BenchmarkHandler is the server alone, without a network.
func BenchmarkHandler(b *testing.B) {
	fixed := newFixedStore(b)
	e := newEndpoint(b, func(c *Config) { c.Store = fixed; c.Log = discardedJSON() })
	for name, path := range map[string]string{
		"GetByID": "/Users/" + fixed.resource.ID,
		"Filter":  "/Users?filter=" + url.QueryEscape(`userName eq "bjensen@example.com"`),
	} {
		b.Run(name, func(b *testing.B) {
			request, err := http.NewRequest(http.MethodGet, basePath+path, nil)
			if err != nil {
				b.Fatal(err)
			}
			request.RemoteAddr = "127.0.0.1:1"
			request.Header.Set("Authorization", "Bearer "+string(testToken))
			b.ReportAllocs()
			for b.Loop() {
				e.ServeHTTP(&nowhere{header: make(http.Header)}, request)
			}
		})
	}
}

type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// fixedStore answers every read with the same user.
type fixedStore struct {
	Store
	resource *store.Resource
	packed   scim.Packed
}

func newFixedStore(b *testing.B) *fixedStore {
	b.Helper()
	m := newMemoryStore(baseURL)
	user := m.types.User()
	parsed, err := user.Parse([]byte(`{"userName":"bjensen@example.com","externalId":"701984","active":true,` +
		`"name":{"formatted":"Ms. Barbara J Jensen III","familyName":"Jensen","givenName":"Barbara"},` +
		`"emails":[{"value":"bjensen@example.com","type":"work","primary":true}],"displayName":"Babs Jensen"}`))
	if err != nil {
		b.Fatal(err)
	}
	r, err := m.Create(context.Background(), user, parsed)
	if err != nil {
		b.Fatal(err)
	}
	return &fixedStore{resource: r, packed: r.Type.Pack(r.Object())}
}

func (f *fixedStore) Get(_ context.Context, rt *scim.ResourceType, id string) (*store.Resource, error) {
	if id != f.resource.ID {
		return nil, scim.ErrNotFound(rt.Name, id)
	}
	return f.resource, nil
}

func (f *fixedStore) List(_ context.Context, q store.Query) (*store.Page, error) {
	if q.Filter == nil || !q.Filter.Match(f.packed, nil) {
		return &store.Page{}, nil
	}
	return &store.Page{Total: 1, Resources: []*store.Resource{f.resource}}, nil
}
