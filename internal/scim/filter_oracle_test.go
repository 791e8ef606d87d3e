// SPDX-License-Identifier: Apache-2.0

package scim

// matches reports whether a filter matches a resource that is not packed.
func matches(f *Filter, o *Object, m MemberReader) bool { return f.Match(pack(o), m) }

// pack packs a resource of whatever type it is.
func pack(o *Object) Packed {
	if o.Len() == 0 {
		return Core().User().Pack(nil)
	}
	return (&ResourceType{root: o.fields[0].Attr.parent}).Pack(o)
}

// The functions below match a filter on values as they are decoded, as plainly as RFC 7644
// §3.4.2.2 puts it. Match looks into packed JSON instead, and has to find the same.

// matchObject evaluates a node on a resource, or within a value path on one value.
func (n *node) matchObject(o *Object, m MemberReader) bool {
	switch n.op {
	case opAnd:
		return n.left.matchObject(o, m) && n.right.matchObject(o, m)
	case opOr:
		return n.left.matchObject(o, m) || n.right.matchObject(o, m)
	case opNot:
		return !n.left.matchObject(o, m)
	default:
	}
	switch n.attr.role {
	case roleMembers:
		return n.matchMembers(m)
	case roleSchemas:
		return n.schemasOfObject(o)
	default:
	}
	if n.container != nil {
		o = o.Object(n.container)
	}
	if n.op == opValuePath {
		return n.matchAnyValue(o.Get(n.attr))
	}
	return n.test(o.Get(n.attr))
}

// matchAnyValue evaluates a value path.
func (n *node) matchAnyValue(v Value) bool {
	switch v := v.(type) {
	case *Object:
		return n.left.matchObject(v, nil)
	case List:
		for _, element := range v {
			if o, ok := element.(*Object); ok && n.left.matchObject(o, nil) {
				return true
			}
		}
	}
	return false
}

// test compares the value of an attribute, or of its sub-attribute.
func (n *node) test(v Value) bool {
	list, isList := v.(List)
	if !isList {
		return n.testOne(n.descend(v))
	}
	found := false
	for _, element := range list {
		if v := n.descend(element); v != nil {
			if found = true; n.testOne(v) {
				return true
			}
		}
	}
	return !found && n.testOne(nil)
}

func (n *node) descend(v Value) Value {
	if n.sub == nil {
		return v
	}
	o, _ := v.(*Object)
	return o.Get(n.sub)
}

func (n *node) schemasOfObject(o *Object) bool {
	if n.op == opPresent {
		return true
	}
	root := n.attr.parent
	if n.testOne(root.urn) {
		return true
	}
	for i := range o.Len() {
		if a := o.fields[i].Attr; a.role == roleExtension && n.testOne(a.urn) {
			return true
		}
	}
	return false
}
