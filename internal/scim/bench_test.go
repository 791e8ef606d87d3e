// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func BenchmarkFilterParse(b *testing.B) {
	rt := Core().User()
	for _, filter := range []string{
		`userName eq "bjensen@example.com"`,
		`emails[type eq "work" and value co "@example.com"]`,
		EnterpriseUserSchema + `:department eq "Tour Operations" and active eq true`,
	} {
		b.Run(filter, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rt.ParseFilter(filter); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// cpuTime is what the process has spent, so that a busy machine does not count.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// matchAll does what the store does with a filter that no index helps.
func matchAll(f *Filter, users []Packed) (matched int) {
	for batch := range slices.Chunk(users, FetchSize) {
		f.Fetch(batch)
		for _, user := range batch {
			if f.Match(user, nil) {
				matched++
			}
		}
	}
	return matched
}

// BenchmarkFilterMatch runs a filter over 100,000 users and reports attribute tests
// a second of CPU time.
func BenchmarkFilterMatch(b *testing.B) {
	rt := Core().User()
	users := make([]Packed, 100_000)
	for i := range users {
		users[i] = rt.Pack(mustDecode(b, rt, strings.ReplaceAll(bjensen, "bjensen", fmt.Sprintf("user%d", i))))
	}
	for _, bench := range []struct {
		filter string
		tests  int // attributes looked at per user
	}{
		{`userName eq "user99999@example.com"`, 1},
		{`title co "president"`, 1},
		{`meta.lastModified gt "2012-05-13T04:42:34Z"`, 1},
		{`active eq true and name.familyName sw "Jen" and nickName eq "x"`, 3},
		{`emails[type eq "other"]`, 2},
		{EnterpriseUserSchema + `:department eq "x"`, 1},
	} {
		b.Run(bench.filter, func(b *testing.B) {
			f, err := rt.ParseFilter(bench.filter)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			matched := 0
			runtime.GC()
			start := cpuTime(b)
			for b.Loop() {
				matched += matchAll(f, users)
			}
			tests := float64(bench.tests) * float64(len(users)) * float64(b.N)
			b.ReportMetric(tests/(cpuTime(b)-start).Seconds()/1e6, "Mtests/cpu-s")
		})
	}
}

// patchesOfOne each change one attribute of bjensen.
var patchesOfOne = []struct{ name, operation string }{
	{"active", `{"op":"Replace","path":"active","value":"False"}`},
	{"work e-mail", `{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@example.com"}`},
	{"department", `{"op":"replace","value":{"` + EnterpriseUserSchema + `:department":"x"}}`},
	{"primary moves", `{"op":"add","path":"emails","value":[{"value":"third@example.com","primary":true}]}`},
	{"address", `{"op":"replace","path":"addresses[type eq \"work\"]","value":{"type":"work","locality":"Berlin"}}`},
	{"manager", `{"op":"replace","path":"` + EnterpriseUserSchema + `:manager","value":"7"}`},
}

func BenchmarkPatch(b *testing.B) {
	rt := Core().User()
	user := mustDecode(b, rt, bjensen)
	for _, bench := range patchesOfOne {
		b.Run(bench.name, func(b *testing.B) {
			body := patchOps(bench.operation)
			b.ReportAllocs()
			for b.Loop() {
				patch, err := rt.ParsePatch(body)
				if err != nil {
					b.Fatal(err)
				}
				if _, changed, err := patch.Apply(user, nil); err != nil || !changed {
					b.Fatal(changed, err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	body := []byte(bjensen)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Core().User().Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory reports what a user in memory takes.
func BenchmarkMemory(b *testing.B) {
	rt := Core().User()
	users := make([]*Object, 20_000)
	var before, after runtime.MemStats
	for b.Loop() {
		clear(users)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range users {
			users[i] = mustDecode(b, rt, bjensen)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(users)), "B/user")
	b.ReportMetric(float64(len(render(users[0]))), "JSON-B/user")
}

func BenchmarkReplaceMembers(b *testing.B) {
	list := make(MemberList, 100_000)
	for i := range list {
		list[i] = Member{Value: fmt.Sprintf("member-%d", i)}
	}
	base := indexedMembers{list, map[string]int{}}
	for i, member := range list {
		base.index[member.Value] = i
	}
	wanted := append([]Member{{Value: "new"}}, list[1:]...)
	b.ReportAllocs()
	for b.Loop() {
		m := NewMembers(base)
		m.Set(wanted)
		if _, added, removed := m.Delta(); len(added) != 1 || len(removed) != 1 {
			b.Fatal(added, removed)
		}
	}
}

type indexedMembers struct {
	MemberList
	index map[string]int
}

func (m indexedMembers) Get(value string) (Member, bool) {
	i, ok := m.index[value]
	if !ok {
		return Member{}, false
	}
	return m.MemberList[i], true
}
