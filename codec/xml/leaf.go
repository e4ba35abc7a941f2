package xml

import "github.com/sealmesh/sealmesh/codec"

// quickName is the length in bytes of the longest name that leaf reads. A name
// that short holds no envelope.
const quickName = codec.HeadLen - 1

// leaf reads the element that begins at p[i] fast, if it is of the kind that
// most bodies consist of: it has no attributes and no markup in it, no rule
// names it, and it is whole in the piece. It returns 0 for any other.
func (s *scanner) leaf(p []byte, i int) int {
	first := i + 1
	at, colon := first, 0
	for at < len(p) && nameClass[p[at]]-nameStart <= nameByte-nameStart {
		at++
	}
	if at < len(p) && p[at] == ':' {
		colon = at
		for at++; at < len(p) && nameClass[p[at]]-nameStart <= nameByte-nameStart; {
			at++
		}
	}
	if at-first > quickName || at > len(p)-2 || nameClass[p[first]] != nameStart {
		return 0
	}
	end := 0
	switch {
	case p[at] == '>':
		text := textEnd(p, at+1)
		end = text + len("</") + at - first
		if text == 0 || end >= len(p) || p[end] != '>' || p[text+1] != '/' || string(p[text+2:end]) != string(p[first:at]) {
			return 0
		}
		if text-at > codec.HeadLen && refusesValue(s.guard, p[at+1:text], false) {
			return 0
		}
		end++
	case p[at] == '/' && p[at+1] == '>':
		end = at + 2
	default:
		return 0
	}
	if s.isNamed(p, first, colon, at) || s.tags.Rule() >= 0 || at-first > s.limits.NameBytes || len(s.open) >= s.limits.Depth {
		return 0
	}
	return end
}

// isNamed reports whether the full scanner must read an element, whose name is
// p[first:end]: a rule may name it, or its name is malformed. colon is the
// index of the colon in the name, or 0.
func (m *marker) isNamed(p []byte, first, colon, end int) bool {
	space := m.spaces.plain
	if colon > 0 {
		var ok bool
		if space, ok = m.spaces.resolve(p[first:colon]); !ok || nameClass[p[colon+1]] != nameStart {
			return true
		}
		first = colon + 1
	}
	r := &m.rules
	if !r.live {
		return false
	}
	local := p[first:end]
	return r.below.Rule >= 0 || !r.below.DeadEnd && !r.below.Unchanged ||
		r.tables.spaced.may(local) && m.ruled(space) || r.sel.Named(local) != codec.AnyStep
}

// textEnd returns the index of the < that ends text without references and
// without characters that are escaped, or 0 for other text.
func textEnd(p []byte, i int) int {
	for {
		if i = plainRun(p, i); i == len(p) {
			return 0
		}
		switch c := textClass[p[i]]; {
		case c == lessByte:
			return i
		case c == lead2 && i+1 < len(p) && p[i+1]&0xC0 == 0x80:
			i += 2
		case c < lead2:
			return 0
		default:
			n, why := scanRune(p[i:])
			if why != stopEnd {
				return 0
			}
			i += n
		}
	}
}
