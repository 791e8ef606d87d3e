// SPDX-License-Identifier: Apache-2.0

package scim

import "strings"

const maxMemberValue = 1024 // bytes of one member's value

// members reads a list of members: objects or, from simple clients, ids. The
// display name and URI that a client sends are not kept; the server knows them.
// A value that is there twice counts once.
func (d *decoder) members(a *Attribute) ([]Member, error) {
	if d.peek() == 'n' {
		return nil, d.literal("null")
	}
	if d.peek() != '[' {
		if text, ok := d.embeddedText(); ok {
			return d.unpackMembers(a, text)
		}
		m, err := d.member(a)
		if err != nil || m.Value == "" {
			return nil, err
		}
		return []Member{m}, nil
	}
	if err := d.open(); err != nil {
		return nil, err
	}
	list := []Member{}
	seen := make(map[string]struct{})
	for {
		if ok, err := d.more(']'); err != nil {
			return nil, err
		} else if !ok {
			return list, nil
		}
		m, err := d.member(a)
		if err != nil {
			return nil, err
		}
		if m.Value == "" {
			return nil, ErrInvalidValue(a.value.path, "every member needs a value")
		}
		if _, twice := seen[m.Value]; twice {
			continue
		}
		if len(list) == maxMembers {
			return nil, errTooLarge(a.path, maxMembers, "members in one request")
		}
		seen[m.Value] = struct{}{}
		list = append(list, m)
	}
}

func (d *decoder) member(a *Attribute) (Member, error) {
	switch d.peek() {
	case '"':
		if text, ok := d.embeddedText(); ok {
			return d.unpackMember(a, text)
		}
		value, err := d.memberText(a.value)
		return Member{Value: value}, err
	case '{':
		return d.memberObject(a)
	}
	return Member{}, d.wrongKind(a)
}

func (d *decoder) memberObject(a *Attribute) (m Member, err error) {
	if err := d.open(); err != nil {
		return m, err
	}
	var seen keySet
	for {
		name, ok, err := d.key(&seen)
		if err != nil {
			return m, err
		}
		if !ok {
			break
		}
		switch sub := lookupName(a.lookup, name); {
		case sub == nil && d.ignored != nil:
			d.ignored.add(a.pathBelow(name))
			err = d.skip()
		case sub != nil && sub == a.value:
			m.Value, err = d.memberText(sub)
		case sub != nil && sub.Name == "type":
			m.Type, err = d.memberType(sub)
		default:
			err = d.skip()
		}
		if err != nil {
			return m, err
		}
	}
	if m.Value == "" {
		return m, ErrInvalidValue(a.value.path, "every member needs a value")
	}
	return m, nil
}

func (d *decoder) memberText(a *Attribute) (string, error) {
	switch d.peek() {
	case 'n':
		return "", d.literal("null")
	case '"':
		text, err := d.text()
		if len(text) > maxMemberValue {
			return "", errTooLarge(a.path, maxMemberValue, "bytes")
		}
		if a.isNoValue(text) {
			return "", err
		}
		return text, err
	}
	return "", d.wrongKind(a)
}

// memberType keeps the types there are. Clients that write something else are not
// refused: what a member is shows when it is looked up.
func (d *decoder) memberType(a *Attribute) (string, error) {
	text, err := d.memberText(a)
	for _, known := range a.CanonicalValues {
		if strings.EqualFold(text, known) {
			return known, err
		}
	}
	return "", err
}

// unpackMembers reads members that stand as JSON inside a string.
func (d *decoder) unpackMembers(a *Attribute, text string) ([]Member, error) {
	inner := d.inner(text)
	list, err := inner.members(a)
	if err == nil {
		err = inner.end()
	}
	if isSyntaxError(err) {
		err = ErrInvalidValue(a.path, "the JSON inside the string is not valid")
	}
	return list, err
}

// unpackMember is unpackMembers where one member belongs.
func (d *decoder) unpackMember(a *Attribute, text string) (m Member, err error) {
	list, err := d.unpackMembers(a, text)
	switch {
	case err != nil || len(list) == 0:
		return m, err
	case len(list) > 1:
		return m, ErrInvalidValue(a.path, "it has one value, not several")
	}
	return list[0], nil
}
