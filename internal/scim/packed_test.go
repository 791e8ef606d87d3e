// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// packable are resource types with every kind of attribute there is.
func packable(t testing.TB) []*ResourceType {
	r := gadgets(t)
	return []*ResourceType{r.User(), r.Group(), r.ResourceType("Gadget")}
}

// texts are few, so that filters find some.
var texts = []string{"a", "B", "ab", "é", "E\u0301", `q"u`, `b\s`, "n\n\x01", "日本", "<&>", "]}", ",", "2010-01-23T04:56:22Z"}

func drawResource(t *rapid.T, rt *ResourceType) *Object {
	o := drawPart(t, rt.Attributes())
	return o.With(rt.Attribute("id"), "2819c223")
}

func drawPart(t *rapid.T, attributes iter.Seq[*Attribute]) *Object {
	b := NewBuilder(16)
	for a := range attributes {
		if a.role == roleMembers || rapid.Float64Range(0, 1).Draw(t, a.path+"?") < 0.4 {
			continue
		}
		if !a.MultiValued {
			b.Set(a, drawOne(t, a))
			continue
		}
		var list List
		for range rapid.IntRange(1, 3).Draw(t, a.path) {
			if v := drawOne(t, a); !IsEmpty(v) {
				list = append(list, v)
			}
		}
		b.Set(a, list)
	}
	return b.Object()
}

func drawOne(t *rapid.T, a *Attribute) Value {
	switch a.Type {
	case Boolean:
		return rapid.Bool().Draw(t, a.path)
	case Integer:
		return rapid.Int64Range(-2, 1<<60).Draw(t, a.path)
	case Decimal:
		return rapid.Float64Range(-1e30, 1e30).Draw(t, a.path)
	case DateTime:
		return "2010-01-23T04:56:22Z"
	case Complex:
		return drawPart(t, slices.Values(a.Sub))
	default:
	}
	return rapid.SampledFrom(texts).Draw(t, a.path)
}

// paths are those of all attributes and sub-attributes.
func paths(rt *ResourceType) []string {
	var found []string
	for a := range rt.Attributes() {
		found = append(found, a.path)
		for _, sub := range a.Sub {
			found = append(found, sub.path)
			for _, below := range sub.Sub {
				found = append(found, below.path)
			}
		}
	}
	return found
}

func drawProjection(t *rapid.T, rt *ResourceType) *Projection {
	names := strings.Join(rapid.SliceOfN(rapid.SampledFrom(append(paths(rt), rt.Schema.ID)), 0, 5).Draw(t, "names"), ",")
	attributes, excluded := names, ""
	if rapid.Bool().Draw(t, "exclude") {
		attributes, excluded = "", names
	}
	p, err := rt.ParseProjection(attributes, excluded)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// An attribute that comes from other resources is shown in the place where it would be packed,
// whatever part of the resource is asked for.
func TestComputedAttributesAreShownInPlace(t *testing.T) {
	types := packable(t)
	rapid.Check(t, func(t *rapid.T) {
		rt := rapid.SampledFrom(types).Draw(t, "type")
		o := drawResource(t, rt)
		var computed *Field
		if a := rt.Attribute("groups"); a != nil && o.Get(a) != nil {
			computed = &Field{Attr: a, Value: o.Get(a)}
		}
		stored := o
		if computed != nil {
			stored = o.With(computed.Attr, nil)
		}
		p := rt.Pack(stored)
		projection := drawProjection(t, rt)
		for _, projection := range []*Projection{nil, projection} {
			want, got := string(rt.Pack(o).AppendJSON([]byte("x"), projection, nil)), string(p.AppendJSON([]byte("x"), projection, computed))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		}
		if open, whole := string(p.AppendOpenJSON(nil, projection)), string(p.AppendJSON(nil, projection, nil)); open+"}" != whole {
			t.Fatalf("open %s\nwhole %s", open, whole)
		}
	})
}

func TestPackedGivesTheResourceBack(t *testing.T) {
	types := packable(t)
	rapid.Check(t, func(t *rapid.T) {
		rt := rapid.SampledFrom(types).Draw(t, "type")
		o := drawResource(t, rt)
		p := rt.Pack(o)
		if got := p.Object(); !got.Equal(o) {
			t.Fatalf("packed\n%s\nbecame\n%s", AppendValue(nil, o), AppendValue(nil, got))
		}
		for a := range rt.Attributes() {
			if got, want := p.Text(a), o.Text(a); got != want {
				t.Fatalf("%s is %q, want %q", a.path, got, want)
			}
			sort, err := rt.ParseSort(a.path, "")
			if err == nil && sort.Key(p) != sort.key(o) {
				t.Fatalf("the sort key of %s is %q, want %q", a.path, sort.Key(p), sort.key(o))
			}
		}
	})
}

// Attributes that are set in a packed resource are there as if it had been packed with them.
func TestSettingAttributesOfAPackedResource(t *testing.T) {
	types := packable(t)
	rapid.Check(t, func(t *rapid.T) {
		rt := rapid.SampledFrom(types).Draw(t, "type")
		o, other := drawResource(t, rt), drawResource(t, rt)
		var set []Field
		want := o
		for a, v := range other.Fields() {
			if a.role != roleExtension && rapid.Bool().Draw(t, a.path) {
				set = append(set, Field{Attr: a, Value: v})
				want = want.With(a, v)
			}
		}
		if o.Len() == 0 {
			return // no resource is without id
		}
		if got := rt.Pack(o).With(set...); !got.Object().Equal(want) || string(got.AppendJSON(nil, nil, nil)) != render(want) {
			t.Fatalf("want %s\ngot %s", render(want), got.AppendJSON(nil, nil, nil))
		}
	})
}

func TestPackingWhatIsLarge(t *testing.T) {
	rt := Core().User()
	certificates := make(List, 70)
	for i := range certificates {
		certificates[i] = &Object{fields: []Field{{Attr: rt.Attribute("x509Certificates.value"), Value: strings.Repeat("MIID", 400+i)}}}
	}
	o := mustDecode(t, rt, bjensen).With(rt.Attribute("x509Certificates"), certificates)
	p := rt.Pack(o)
	if !p.Object().Equal(o) || string(p.AppendJSON(nil, nil, nil)) != render(o) || p.find(rt.Attribute("meta")) == "" {
		t.Error("a resource of more than 64 KiB is not the same when packed")
	}
}

func drawFilter(t *rapid.T, rt *ResourceType, depth int) string {
	if depth > 0 && rapid.Bool().Draw(t, "nested") {
		left := drawFilter(t, rt, depth-1)
		switch rapid.IntRange(0, 2).Draw(t, "logic") {
		case 0:
			return "not (" + left + ")"
		case 1:
			return "(" + left + ") and (" + drawFilter(t, rt, depth-1) + ")"
		}
		return "(" + left + ") or (" + drawFilter(t, rt, depth-1) + ")"
	}
	path := rapid.SampledFrom(paths(rt)).Draw(t, "path")
	if a := rt.Attribute(path); a != nil && a.Type == Complex && a.role == roleNone && rapid.Bool().Draw(t, "value path") {
		sub := rapid.SampledFrom(a.Sub).Draw(t, "sub")
		return path + "[" + drawTest(t, sub.Name) + " or not (" + drawTest(t, a.Sub[0].Name) + ")]"
	}
	return drawTest(t, path)
}

func drawTest(t *rapid.T, path string) string {
	operator := rapid.SampledFrom([]string{"pr", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}).Draw(t, "operator")
	if operator == "pr" {
		return path + " pr"
	}
	operands := []string{"null", "true", "false", "0", "7", "1.5", `"2010-01-23T04:56:22Z"`, `"2819C223"`}
	for _, text := range texts {
		operands = append(operands, string(appendString(nil, text)))
	}
	return path + " " + operator + " " + rapid.SampledFrom(operands).Draw(t, "operand")
}

func TestPackedMatchesAsTheResource(t *testing.T) {
	types := packable(t)
	rapid.Check(t, func(t *rapid.T) {
		rt := rapid.SampledFrom(types).Draw(t, "type")
		o := drawResource(t, rt)
		p := rt.Pack(o)
		for range 20 {
			text := drawFilter(t, rt, 2)
			filter, err := rt.ParseFilter(text)
			if err != nil {
				continue // an operator that the attribute does not have
			}
			if got, want := filter.Match(p, nil), filter.root.matchObject(o, nil); got != want {
				t.Fatalf("%s matches packed: %v, want %v:\n%s", text, got, want, AppendValue(nil, o))
			}
		}
	})
}

func TestMatchingPackedAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	rt := Core().User()
	p := rt.Pack(mustDecode(t, rt, bjensen))
	for _, text := range []string{
		`title co "x"`, `userName eq "x"`, `emails[type eq "work" and value co "x"]`, `meta.lastModified gt "2030-05-13T04:42:34Z"`,
		`active eq false or name.familyName sw "x"`, EnterpriseUserSchema + `:manager.displayName eq "x"`, `schemas eq "x"`,
	} {
		filter, err := rt.ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { filter.Match(p, nil) }); n > 0 {
			t.Errorf("%s allocates %v times", text, n)
		}
	}
}

func BenchmarkPacked(b *testing.B) {
	rt := Core().User()
	user := mustDecode(b, rt, bjensen)
	p := rt.Pack(user)
	some, err := rt.ParseProjection("userName,emails.value", "")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("pack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p = rt.Pack(user)
		}
	})
	for name, projection := range map[string]*Projection{"all": nil, "some": some} {
		b.Run("render "+name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = p.AppendJSON(dst[:0], projection, nil)
			}
		})
	}
	b.Run("object", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			user = p.Object()
		}
	})
	b.ReportMetric(float64(len(p.data)), "B")
}
