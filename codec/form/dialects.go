package form

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// readGroups reads name as qs does: a member up to the first group in brackets,
// and then each group, whatever is between. A group has no brackets in it. With
// dots, ".x" is a group as "[x]" is (allowDots).
func (n *Names) readGroups(name []byte, dots bool) {
	n.start()
	found, inElement := false, false
	for i := 0; i < len(name); {
		open := name[i]
		if open != '[' && !(dots && open == '.') {
			i++
			continue
		}
		end := i + 1
		for end < len(name) && name[end] != '[' && name[end] != ']' && !(dots && name[end] == '.') {
			end++
		}
		group := name[i+1 : end]
		if closed := end < len(name) && name[end] == ']'; !closed && open == '[' || open == '.' && len(group) == 0 {
			i = end
			continue
		}
		first := !found
		found = true
		if first && i > 0 && !n.key(name[:i]) {
			break
		}
		again := inElement && len(group) == 0 && n.sought == ""
		if again {
			n.outer.Set(n.walk)
		}
		if !n.group(group) {
			break
		}
		if again { // qs joins an array in an array to the outer one
			n.walk.Join(&n.outer)
		}
		inElement = len(group) == 0
		i = end
	}
	if !found {
		n.key(name)
	}
	n.end()
}

// group goes down by the inside of brackets.
func (n *Names) group(inside []byte) (more bool) {
	if len(inside) == 0 {
		return n.element()
	}
	return n.key(inside)
}

// readRuns reads name as Rack does: every run of characters that are no
// brackets is a member, wherever the brackets are, and [] is an element.
func (n *Names) readRuns(name []byte) {
	n.start()
	name = bytes.TrimLeft(name, "[]")
	for len(name) > 0 {
		end := bytes.IndexAny(name, "[]")
		if end < 0 {
			end = len(name)
		}
		if end > 0 && !n.key(name[:end]) {
			break
		}
		name = name[end:]
		if bytes.HasPrefix(name, []byte("[]")) && !n.element() {
			break
		}
		name = bytes.TrimLeft(name, "[]")
	}
	n.end()
}

// readPath reads name as Spring and ASP.NET do: members between dots, and an
// index or a key, perhaps in quotes, in brackets. Struts takes parentheses as
// well. Spring reads "!ssn" where "ssn" is missing.
func (n *Names) readPath(name []byte) {
	n.start()
	name = bytes.TrimPrefix(name, []byte("!"))
	for more := true; more && len(name) > 0; {
		switch end := bytes.IndexAny(name, ".[("); {
		case end < 0:
			n.key(name)
			more = false
		case end > 0:
			more = n.key(name[:end])
			name = name[end:]
		case name[0] == '.':
			name = name[1:]
		default:
			inside, rest, closed := bytes.Cut(name[1:], closer(name[0]))
			if !closed {
				n.key(name)
				more = false
				break
			}
			more = n.group(unquote(inside))
			name = rest
		}
	}
	n.end()
}

func closer(open byte) []byte {
	if open == '(' {
		return []byte(")")
	}
	return []byte("]")
}

// unquote returns what is between quotes, or s as it is.
func unquote(s []byte) []byte {
	if n := len(s); n >= 2 && (s[0] == '\'' || s[0] == '"') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

// readPHP reads name as PHP does: blanks in front are dropped. In the name of
// the root member a dot and a blank are underscores, and so is a bracket that
// is not closed. A group extends to the next closing bracket, and what follows
// it is dropped, unless it is a group.
func (n *Names) readPHP(name []byte) {
	name = bytes.TrimLeft(name, " ")
	head, groups := name, []byte(nil)
	if open := bytes.IndexByte(name, '['); open >= 0 && bytes.IndexByte(name[open:], ']') >= 0 {
		head, groups = name[:open], name[open:]
	}
	mangled := codec.GetBuffer(len(head))
	defer codec.PutBuffer(mangled)
	n.start()
	for more := n.key(mangle(append(*mangled, head...))); more && len(groups) > 0 && groups[0] == '['; {
		inside, rest, closed := bytes.Cut(groups[1:], []byte("]"))
		if !closed {
			break
		}
		if len(inside) == 1 && inside[0] == ' ' {
			inside = nil
		}
		more, groups = n.group(inside), rest
	}
	n.end()
}

// mangle changes a name of PHP in place.
func mangle(name []byte) []byte {
	for i, c := range name {
		if c == '.' || c == ' ' || c == '[' {
			name[i] = '_'
		}
	}
	return name
}
