package apischema

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
)

// A path leads to a value, from the root of a body.
type path []step

// A step is one segment of a path. name is "" unless the step is to a member.
// json is the step by another name that the member has in JSON, or "".
type step struct{ text, name, json string }

var (
	anyElement = step{text: "[*]"}
	anyMember  = step{text: ".*"}
)

func member(name string) step {
	plain := name != ""
	for i, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		plain = plain && (letter || i > 0 && c >= '0' && c <= '9')
	}
	if plain {
		return step{text: "." + name, name: name}
	}
	return step{text: codec.QuoteName(name), name: name}
}

func element(i int) step { return step{text: "[" + strconv.Itoa(i) + "]"} }

// with returns p with one more step. It shares no memory with what is added to
// p elsewhere.
func (p path) with(s step) path { return append(slices.Clip(p), s) }

func (p path) String() string {
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range p {
		b.WriteString(s.text)
	}
	return b.String()
}

// last returns the name of the last step to a member, or "".
func (p path) last() string {
	for _, s := range slices.Backward(p) {
		if s.name != "" {
			return s.name
		}
	}
	return ""
}

// anywhere returns the path of what p leads to below depth steps, at any depth.
// ok is false if none of the steps below has a name.
func (p path) anywhere(depth int) (anywhere path, ok bool) {
	for i := len(p) - 1; i >= depth; i-- {
		if p[i].name != "" {
			first := p[i]
			first.text = ".." + strings.TrimPrefix(first.text, ".")
			return append(append(slices.Clip(p[:depth]), first), p[i+1:]...), true
		}
	}
	return nil, false
}
