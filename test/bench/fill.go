// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// filled is an endpoint with many users.
type filled struct {
	*endpoint
	set    string
	ids    []string // of the n-th user
	server *server
	err    error // why it could not be filled
}

// filledWith gives an endpoint with n users, and one replica that serves it. The first
// user comes by SCIM. The others are written to etcd as copies of what became of it:
// through the API server they would take minutes. They have no claims, which neither
// reads nor changes without a rename look at.
func (b *bench) filledWith(ctx context.Context, n int) (*filled, error) {
	set := fmt.Sprintf("of-%d", n)
	f, ok := b.stores[set]
	if !ok {
		f = &filled{set: set, ids: make([]string, n)}
		b.stores[set] = f
		f.err = b.fill(ctx, f)
	}
	return f, f.err
}

func (b *bench) fill(ctx context.Context, f *filled) (err error) {
	if f.endpoint, err = b.newEndpoint(ctx, f.set); err != nil {
		return err
	}
	size, err := b.firstUser(ctx, f)
	if err != nil {
		return err
	}
	b.say("filling etcd with %s users of %s bytes as JSON", grouped(int64(len(f.ids))), grouped(int64(size)))
	if err := b.copies(ctx, f); err != nil {
		return err
	}
	if f.server, err = b.serve(ctx, f.endpoint, "a"); err != nil {
		return err
	}
	return f.server.await(ctx, fillPatience, func() error { return f.complete(f.server) })
}

// fillPatience bounds how long the API server may take to see what etcd was filled with.
const fillPatience = 5 * time.Minute

// firstUser creates the first user through a replica, and gives its size as JSON.
func (b *bench) firstUser(ctx context.Context, f *filled) (size int, err error) {
	s, err := b.serve(ctx, f.endpoint, "first")
	if err != nil {
		return 0, err
	}
	defer s.stop()
	_, answer, err := s.call(http.MethodPost, "/Users", string(userBody(f.set, 0)))
	if err == nil {
		f.ids[0], err = idOf(answer)
	}
	return len(answer), err
}

// complete is nil when a server has all the users.
func (f *filled) complete(s *server) error {
	_, answer, err := s.call(http.MethodGet, "/Users?count=0", "")
	if err != nil {
		return err
	}
	var list struct{ TotalResults int }
	if err := json.Unmarshal(answer, &list); err != nil {
		return err
	}
	if list.TotalResults != len(f.ids) {
		return fmt.Errorf("%d of %d users", list.TotalResults, len(f.ids))
	}
	return nil
}

func (b *bench) copies(ctx context.Context, f *filled) error {
	key := "/registry/scim-operator.io/scimusers/" + f.Namespace + "/"
	pattern, err := b.etcdGet(ctx, key+f.ids[0])
	if err != nil {
		return err
	}
	// What differs from user to user, all of it text that is nowhere else in the object.
	var stored struct{ Metadata struct{ UID string } }
	if err := json.Unmarshal(pattern, &stored); err != nil {
		return err
	}
	writers, ctx := errgroup.WithContext(ctx)
	writers.SetLimit(2 * clients)
	for n := 1; n < len(f.ids); n++ {
		f.ids[n] = uuid.NewString()
		writers.Go(func() error {
			replacer := strings.NewReplacer(f.ids[0], f.ids[n], stored.Metadata.UID, uuid.NewString(),
				userName(f.set, 0), userName(f.set, n), fmt.Sprintf("00u%s%09d", f.set, 0), fmt.Sprintf("00u%s%09d", f.set, n),
				title(0), title(n), `"employeeNumber":"700000"`, fmt.Sprintf(`"employeeNumber":"%d"`, 700_000+n))
			return b.etcdPut(ctx, key+f.ids[n], []byte(replacer.Replace(string(pattern))))
		})
	}
	return writers.Wait()
}

func idOf(answer []byte) (string, error) {
	var resource struct{ ID string }
	err := json.Unmarshal(answer, &resource)
	if err == nil && resource.ID == "" {
		err = errors.New("the answer has no id")
	}
	return resource.ID, err
}

// kv is a key with its value, as etcd's JSON gateway has them.
type kv struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

var etcdClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * clients}}

func (b *bench) etcd(ctx context.Context, call string, question, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	address := b.environment.ControlPlane.Etcd.URL.String() + "/v3/kv/" + call
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := etcdClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd: %s: %.300s", response.Status, body)
	}
	return json.Unmarshal(body, answer)
}

func (b *bench) etcdPut(ctx context.Context, key string, value []byte) error {
	var ignored struct{}
	return b.etcd(ctx, "put", kv{Key: []byte(key), Value: value}, &ignored)
}

func (b *bench) etcdGet(ctx context.Context, key string) ([]byte, error) {
	var found struct {
		KVs []kv `json:"kvs"`
	}
	if err := b.etcd(ctx, "range", kv{Key: []byte(key)}, &found); err != nil {
		return nil, err
	}
	if len(found.KVs) != 1 {
		return nil, fmt.Errorf("etcd has no %s", key)
	}
	return found.KVs[0].Value, nil
}
