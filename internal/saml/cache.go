// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"bytes"
	"net/http"
	"sync"
)

const (
	// maxCached bounds the documents that a Fetcher remembers, in bytes.
	maxCached = 16 << 20
	// maxValidator bounds an ETag or Last-Modified that is worth remembering, in bytes.
	maxValidator = 1 << 10
)

// validators are what HTTP asks with whether something has changed (RFC 9110 §8.8).
type validators struct {
	etag, lastModified string
}

func validatorsOf(header http.Header) validators {
	v := validators{etag: header.Get("ETag"), lastModified: header.Get("Last-Modified")}
	if len(v.etag) > maxValidator || len(v.lastModified) > maxValidator {
		return validators{}
	}
	return v
}

func (v validators) addTo(header http.Header) {
	if v.etag != "" {
		header.Set("If-None-Match", v.etag)
	}
	if v.lastModified != "" {
		header.Set("If-Modified-Since", v.lastModified)
	}
}

type cached struct {
	document   []byte
	validators validators
}

func (c cached) body() []byte { return bytes.Clone(c.document) }

// cache remembers documents by URL. Its zero value is empty and ready for use.
type cache struct {
	mu      sync.Mutex
	entries map[string]cached
	size    int
}

func (c *cache) get(address string) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[address]
	return entry, ok
}

// put remembers a document, or forgets the one it replaces if there is nothing to ask
// with the next time. Whatever must make room is chosen at random: a document that was
// forgotten is merely sent again.
func (c *cache) put(address string, document []byte, v validators) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(address)
	if v == (validators{}) || len(document) > maxCached {
		return
	}
	for other := range c.entries {
		if c.size+len(document) <= maxCached {
			break
		}
		c.drop(other)
	}
	if c.entries == nil {
		c.entries = make(map[string]cached)
	}
	c.entries[address] = cached{document: bytes.Clone(document), validators: v}
	c.size += len(document)
}

func (c *cache) drop(address string) {
	c.size -= len(c.entries[address].document)
	delete(c.entries, address)
}
