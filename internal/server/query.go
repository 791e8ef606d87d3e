// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"math"
	"net/url"
	"strconv"
	"strings"
)

// parameters are those of a query (RFC 7644 §3.4.2, §3.9), from the URL or from the
// body of a .search request.
type parameters struct {
	attributes, excluded string
	filter               string
	sortBy, sortOrder    string
	startIndex           int // from 1
	count                int // from 0, at most the maximum
	cursor               string
	byCursor             bool // cursor is given, empty for the first page
	byIndex              bool // startIndex is given
}

// maxParameters bounds the parameters of one query: SCIM has eight.
const maxParameters = 256

func (l Limits) defaultParameters() parameters {
	return parameters{startIndex: 1, count: l.DefaultPageSize}
}

// parseParameters reads a query string. Parameters that SCIM does not know are ignored;
// the names of those it knows may be in any case.
func (l Limits) parseParameters(query string) (parameters, error) {
	p := l.defaultParameters()
	if query == "" {
		return p, nil
	}
	values, err := parseQuery(query)
	if err != nil {
		return p, err
	}
	var count []string
	for name, given := range values {
		if strings.EqualFold(name, "count") {
			count = append(count, given...)
			continue
		}
		if err := p.set(name, given); err != nil {
			return p, err
		}
	}
	return p, l.settle(&p, count)
}

// parseQuery splits a query string at its ampersands. A semicolon is data, as the URL
// standard has it: net/url refuses it. The pairs without a name count for nothing.
func parseQuery(query string) (url.Values, error) {
	values := make(url.Values)
	pairs := 0
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if pairs++; pairs > maxParameters {
			return nil, errTooManyParameters()
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, errQuery()
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, errQuery()
		}
		values[name] = append(values[name], value)
	}
	return values, nil
}

// settle reads the count, whose bounds depend on the way of paging, and refuses two ways
// at once.
func (l Limits) settle(p *parameters, count []string) (err error) {
	switch {
	case p.byCursor && p.byIndex:
		return errCursorAndIndex()
	case len(count) == 0:
		return nil
	case !p.byCursor:
		p.count, err = integer("count", count, 0, l.MaxPageSize)
		return err
	}
	p.count, err = integer("count", count, 0, l.MaxPageSize)
	switch {
	case err != nil, p.count == 0 && p.cursor != "":
		return errInvalidCount(l.MaxPageSize)
	case p.count == 0:
		p.byCursor = false // the total alone is asked for, and there is no page to go on from
	}
	return nil
}

func (p *parameters) set(name string, given []string) error {
	var err error
	switch strings.ToLower(name) {
	case "attributes":
		p.attributes = strings.Join(given, ",")
	case "excludedattributes":
		p.excluded = strings.Join(given, ",")
	case "filter":
		p.filter, err = single(name, given)
	case "sortby":
		p.sortBy, err = single(name, given)
	case "sortorder":
		p.sortOrder, err = single(name, given)
	case "startindex":
		p.byIndex = true
		p.startIndex, err = integer(name, given, 1, math.MaxInt32)
	case "cursor":
		p.byCursor = true
		p.cursor, err = single(name, given)
	}
	return err
}

// single refuses a parameter that is given twice: which one was meant is not for the
// server to guess.
func single(name string, given []string) (string, error) {
	for _, other := range given[1:] {
		if other != given[0] {
			return "", errParameter(name, "it is given more than once")
		}
	}
	return given[0], nil
}

// integer reads a number and moves it into its range, as RFC 7644 §3.4.2.4 says: a
// startIndex below 1 means 1, a negative count means 0, and a server may return fewer
// than were asked for.
func integer(name string, given []string, low, high int) (int, error) {
	text, err := single(name, given)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errParameter(name, "it is not an integer")
	}
	return clamp(n, low, high), nil
}

func clamp(n int64, low, high int) int {
	return int(max(int64(low), min(n, int64(high))))
}
