// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

var _ = Describe("two replicas behind one Ingress", Ordered, func() {
	var scim *scimClient
	var t *tenant
	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "consistency", 2)
		scim = t.scim()
	})

	It("read every acknowledged write at once, whichever replica is asked", func() {
		for i := range 100 {
			userName := fmt.Sprintf("written-%d@e2e.example", i)
			id := scim.mustDo("POST", "/Users", userBody(userName), 201).id()
			found := scim.mustDo("GET", byUserName(userName), "", 200)
			Expect(found.Body).To(HaveKeyWithValue("totalResults", BeNumerically("==", 1)), "after %d writes", i)
			scim.mustDo("PATCH", "/Users/"+id, patchBody(`{"op":"replace","value":{"active":false}}`), 200)
			Expect(scim.mustDo("GET", "/Users/"+id, "", 200).Body).To(HaveKeyWithValue("active", false))
			if i%2 == 0 {
				scim.mustDo("DELETE", "/Users/"+id, "", 204)
				scim.mustDo("GET", "/Users/"+id, "", 404)
			}
		}
	})

	It("give a userName to exactly one of many racing creates", func(ctx context.Context) {
		for round := range 10 {
			userName := fmt.Sprintf("Raced-%d@e2e.example", round)
			var lock sync.Mutex
			var done sync.WaitGroup
			statuses := map[int]int{}
			for range 16 {
				done.Go(func() {
					defer GinkgoRecover()
					result, err := scim.do("POST", "/Users", userBody(userName))
					Expect(err).NotTo(HaveOccurred())
					lock.Lock()
					defer lock.Unlock()
					statuses[result.Status]++
					if result.Status == 409 {
						Expect(result.Body).To(HaveKeyWithValue("scimType", "uniqueness"))
					}
				})
			}
			done.Wait()
			Expect(statuses).To(Equal(map[int]int{201: 1, 409: 15}))
		}
		list := &scimv1.ScimUserList{}
		Expect(k8s.List(ctx, list, client.InNamespace(t.namespace))).To(Succeed())
		owners := map[string]int{}
		for _, user := range list.Items {
			if user.Live() {
				owners[user.Spec.UserName]++
			}
		}
		Expect(owners).To(HaveEach(1))
	})

	It("lose no member when many clients change one group at the same time", func() {
		group := scim.mustDo("POST", "/Groups", `{"displayName":"crowd"}`, 201).id()
		var done sync.WaitGroup
		for i := range 32 {
			done.Go(func() {
				defer GinkgoRecover()
				result, err := scim.do("PATCH", "/Groups/"+group,
					patchBody(fmt.Sprintf(`{"op":"Add","path":"members","value":[{"$ref":null,"value":"not-yet-%d"}]}`, i)))
				Expect(err).NotTo(HaveOccurred())
				Expect(result.Status).To(Equal(204), "%v", result.Body)
			})
		}
		done.Wait()
		Expect(scim.mustDo("GET", "/Groups/"+group, "", 200).Body["members"]).To(HaveLen(32))
	})

	It("go on with a walk by index where another has come to, whoever leaves meanwhile", func(ctx context.Context) {
		servers := t.servers(ctx)
		Expect(servers).To(HaveLen(2))
		met := map[string]int{}
		var leaving []string
		for i := range 40 {
			id := scim.mustDo("POST", "/Users", userBody(fmt.Sprintf("walked-%d@e2e.example", i)), 201).id()
			if i%4 == 0 {
				leaving = append(leaving, id)
			} else {
				met[id] = 0
			}
		}
		query := "/Users?count=5&filter=" + url.QueryEscape(`userName sw "walked-"`) + "&startIndex="
		for start, total, n := 1, 1, 0; start <= total; n++ {
			page := servers[n%2].mustDo("GET", query+fmt.Sprint(start), "", 200).Body
			resources, _ := page["Resources"].([]any)
			Expect(resources).NotTo(BeEmpty())
			for _, resource := range resources {
				if id := resource.(map[string]any)["id"].(string); !slices.Contains(leaving, id) {
					met[id]++
				}
			}
			start, total = start+len(resources), int(page["totalResults"].(float64))
			scim.mustDo("DELETE", "/Users/"+leaving[n], "", 204) // who has been met moves everybody behind forward
		}
		Expect(met).To(HaveEach(1))
	})
})
