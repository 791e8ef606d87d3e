// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	"github.com/google/uuid"
	"github.com/scim2/filter-parser/v2"
)

// runElimity is github.com/elimity-com/scim with users in memory. Users are found by id
// and by userName in maps.
func runElimity(args []string) error {
	if len(args) != 1 {
		return errors.New("elimity needs an address")
	}
	handler, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{SupportFiltering: true},
		ResourceTypes: []scim.ResourceType{{
			ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(),
			SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}},
			Handler:          &elimityUsers{byID: map[string]scim.Resource{}, byUserName: map[string]string{}},
		}},
	})
	if err != nil {
		return err
	}
	authenticated := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+bearer {
			http.Error(w, "not this token", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
	server := &http.Server{Addr: args[0], Handler: authenticated, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

// elimityUsers is what the library leaves to its user.
type elimityUsers struct {
	mutex      sync.RWMutex
	byID       map[string]scim.Resource
	byUserName map[string]string // to ids
}

var _ scim.ResourceHandler = (*elimityUsers)(nil)

func (u *elimityUsers) Create(_ *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	name, _ := attributes["userName"].(string)
	name = strings.ToLower(name)
	external, _ := attributes["externalId"].(string)
	now := time.Now()
	r := scim.Resource{
		ID: uuid.NewString(), ExternalID: optional.NewString(external), Attributes: attributes,
		Meta: scim.Meta{Created: &now, LastModified: &now, Version: uuid.NewString()},
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if _, taken := u.byUserName[name]; taken {
		return scim.Resource{}, scimerrors.ScimErrorUniqueness
	}
	u.byUserName[name] = r.ID
	u.byID[r.ID] = r
	return r, nil
}

func (u *elimityUsers) Get(_ *http.Request, id string) (scim.Resource, error) {
	u.mutex.RLock()
	defer u.mutex.RUnlock()
	r, ok := u.byID[id]
	if !ok {
		return r, scimerrors.ScimErrorResourceNotFound(id)
	}
	return r, nil
}

func (u *elimityUsers) GetAll(_ *http.Request, params scim.ListRequestParams) (scim.Page, error) {
	if params.FilterValidator == nil {
		return scim.Page{}, scimerrors.ScimErrorInvalidFilter
	}
	e, ok := params.FilterValidator.GetFilter().(*filter.AttributeExpression)
	if !ok || e.Operator != filter.EQ || !strings.EqualFold(e.AttributePath.AttributeName, "userName") {
		return scim.Page{}, scimerrors.ScimErrorInvalidFilter
	}
	name, _ := e.CompareValue.(string)
	u.mutex.RLock()
	defer u.mutex.RUnlock()
	r, ok := u.byID[u.byUserName[strings.ToLower(name)]]
	if !ok {
		return scim.Page{Resources: []scim.Resource{}}, nil
	}
	return scim.Page{TotalResults: 1, Resources: []scim.Resource{r}}, nil
}

// errNotMeasured is the answer to what is not asked here.
var errNotMeasured = errors.New("the benchmark does not ask for this")

func (u *elimityUsers) Replace(*http.Request, string, scim.ResourceAttributes) (scim.Resource, error) {
	return scim.Resource{}, errNotMeasured
}

func (u *elimityUsers) Delete(*http.Request, string) error { return errNotMeasured }

func (u *elimityUsers) Patch(*http.Request, string, []scim.PatchOperation) (scim.Resource, error) {
	return scim.Resource{}, errNotMeasured
}
