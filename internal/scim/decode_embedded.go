// SPDX-License-Identifier: Apache-2.0

package scim

// putEmbedded reads JSON that is written inside a string: one value or a list. A
// string that is no JSON is the value itself.
func (d *decoder) putEmbedded(set *valueSet, a *Attribute) error {
	text, err := d.text()
	if err != nil || text == "" {
		return err
	}
	if text[0] == '{' || text[0] == '[' {
		inner, err := a.decodeEmbedded(text)
		for _, v := range inner {
			set.put(v)
		}
		return err
	}
	v, err := a.fromText(text)
	if err == nil {
		set.put(v)
	}
	return err
}

func (a *Attribute) decodeEmbedded(text string) (List, error) {
	r, err := newReader([]byte(text))
	if err != nil {
		return nil, err
	}
	// Inside, a string is a string: JSON is unwrapped once.
	plain := *a
	plain.role = roleNone
	inner, err := (&decoder{reader: r}).list(&plain)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return nil, ErrInvalidValue(a.path, "the JSON inside the string is not a valid value of the attribute")
	}
	return inner, nil
}

// unwrapEmbedded takes Entra ID's {"value": "{\"value\": …, \"displayName\": …}"}
// for what is inside. What stands outside counts more.
func (a *Attribute) unwrapEmbedded(o *Object) *Object {
	text := o.Text(a.value)
	if text == "" || text[0] != '{' {
		return o
	}
	inner, err := a.decodeEmbedded(text)
	if err != nil || len(inner) != 1 {
		return o // a value that only looks like JSON is the value
	}
	result := inner[0].(*Object)
	for sub, v := range o.Fields() {
		if sub != a.value {
			result = result.With(sub, v)
		}
	}
	if result.Get(a.value) == nil {
		return o
	}
	return result
}
