// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"scim-operator.io/internal/scim"
)

const searchRequestSchema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

// searchRequest is the body of a .search request (RFC 7644 §3.4.3).
type searchRequest struct {
	Schemas            []string    `json:"schemas"`
	Attributes         names       `json:"attributes"`
	ExcludedAttributes names       `json:"excludedAttributes"`
	Filter             string      `json:"filter"`
	SortBy             string      `json:"sortBy"`
	SortOrder          string      `json:"sortOrder"`
	StartIndex         json.Number `json:"startIndex"`
	Count              json.Number `json:"count"`
	Cursor             *string     `json:"cursor"` // RFC 9865 §3
}

// names is a list of attribute names, also accepted as one string with commas.
type names string

// UnmarshalJSON implements json.Unmarshaler.
func (n *names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*n = names(one)
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*n = names(strings.Join(list, ","))
	return nil
}

func (x *exchange) searchParameters() (parameters, error) {
	limits := x.server.limits
	p := limits.defaultParameters()
	body, err := x.readBody()
	if err != nil {
		return p, err
	}
	request, err := decodeSearch(body)
	if err != nil {
		return p, err
	}
	p.attributes, p.excluded = string(request.Attributes), string(request.ExcludedAttributes)
	p.filter, p.sortBy, p.sortOrder = request.Filter, request.SortBy, request.SortOrder
	if request.Cursor != nil {
		p.cursor, p.byCursor = *request.Cursor, true
	}
	if request.StartIndex != "" {
		if err := p.set("startIndex", []string{request.StartIndex.String()}); err != nil {
			return p, err
		}
	}
	var count []string
	if request.Count != "" {
		count = []string{request.Count.String()}
	}
	return p, limits.settle(&p, count)
}

func decodeSearch(body []byte) (*searchRequest, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	var request searchRequest
	if err := decoder.Decode(&request); err != nil {
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &mistyped) && mistyped.Field != "" {
			return nil, scim.ErrInvalidSyntax("the search request's " + mistyped.Field + " is of the wrong type")
		}
		return nil, scim.ErrInvalidSyntax("the search request is not a JSON object of the form of RFC 7644 §3.4.3")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, scim.ErrInvalidSyntax("something follows the search request")
	}
	if len(request.Schemas) > 0 && !slices.ContainsFunc(request.Schemas, isSearchRequest) {
		return nil, scim.ErrInvalidSyntax("the schemas of a search request contain " + searchRequestSchema)
	}
	return &request, nil
}

func isSearchRequest(urn string) bool { return strings.EqualFold(urn, searchRequestSchema) }
