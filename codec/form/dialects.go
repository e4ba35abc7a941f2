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
		if more := open == '.' && n.key(group) || open == '[' && n.group(group); !more {
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

// readRuns reads name as Rack does: every run of characters that are no
// brackets is a member, wherever the brackets are, and [] is an element.
// Closing brackets behind a member are dropped, as are blanks in front.
func (n *Names) readRuns(name []byte) {
	const brackets = "[]"
	n.start()
	name = bytes.TrimLeft(bytes.TrimLeft(name, " "), brackets)
	for len(name) > 0 {
		var run []byte
		if run, name = cutRun(name, brackets); len(run) > 0 && !n.key(run) {
			break
		}
		name = bytes.TrimLeft(name, "]")
		if bytes.HasPrefix(name, []byte(brackets)) && !n.element() {
			break
		}
		name = bytes.TrimLeft(name, brackets)
	}
	n.end()
}

// readDots reads name as ASP.NET does the names of jQuery: brackets are dots,
// also around dots, and [] is nothing.
func (n *Names) readDots(name []byte) {
	const dots = ".[]"
	n.start()
	for more := true; more && len(name) > 0; name = bytes.TrimLeft(name, dots) {
		var run []byte
		if run, name = cutRun(name, dots); len(run) > 0 {
			more = n.key(run)
		}
	}
	n.end()
}

// cutRun returns what name has before the first of some characters, and the
// rest.
func cutRun(name []byte, ends string) (run, rest []byte) {
	end := bytes.IndexAny(name, ends)
	if end < 0 {
		end = len(name)
	}
	return name[:end], name[end:]
}

// readPath reads name as Spring and ASP.NET do: members between dots, and an
// index or a key, perhaps in quotes, in brackets. Struts takes parentheses as
// well. Spring reads "!ssn" where "ssn" is missing, and keys that have brackets
// in them.
func (n *Names) readPath(name []byte) {
	n.start()
	name = bytes.TrimPrefix(name, []byte("!"))
	nested := true
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
			inside, rest, closed := cutKey(name, &nested)
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

// cutKey returns what is between the bracket or parenthesis that name begins
// with and the one that closes it, and the rest. With nested, brackets in the
// key count. Spring reads no key behind one whose brackets are not closed: then
// nested ends, which also keeps the search short, and the first bracket closes.
func cutKey(name []byte, nested *bool) (inside, rest []byte, closed bool) {
	if name[0] == '(' {
		return bytes.Cut(name[1:], []byte(")"))
	}
	open := 0
	for i := 0; *nested && i < len(name); i++ {
		switch name[i] {
		case '[':
			open++
		case ']':
			if open--; open == 0 {
				return name[1:i], name[i+1:], true
			}
		}
	}
	*nested = false
	return bytes.Cut(name[1:], []byte("]"))
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
