package codec

import (
	"slices"
	"strconv"
	"strings"
)

// maxPlaces is the number of places that Uncovered looks at before it gives up.
// Usual paths take some dozens.
const maxPlaces = 5_000

// Uncovered returns, as a path, one place that path selects and that no rule of
// sealed owns; "" if there is none. A place inside an owned place is owned too.
// Uncovered is for warnings only: it also returns "" if the search takes too
// long, or if path does not compile.
func Uncovered(path string, sealed *Selector) string {
	open, err := newSelector([]Rule{{Path: path}}, sealed.names.fold, nil)
	if err != nil {
		return ""
	}
	var from place
	from.open.Start(open)
	from.sealed.Start(sealed)
	steps := stepsOf(open, sealed)
	seen := map[string]bool{}
	for queue := []place{from}; len(queue) > 0 && len(seen) < maxPlaces; queue = queue[1:] {
		at := queue[0]
		switch key := at.key(); {
		case seen[key], at.sealed.Owner() >= 0:
			continue
		case at.open.Owner() >= 0:
			return "$" + at.text
		case !at.open.Live():
			continue
		default:
			seen[key] = true
		}
		for _, s := range steps {
			queue = append(queue, at.step(s))
		}
	}
	return ""
}

// A place is one place in a document, as two selectors see it.
type place struct {
	open, sealed Cursor
	text         string
}

func (p *place) key() string {
	b := make([]byte, 0, 64)
	for _, state := range slices.Concat(p.open.top(), p.sealed.top()) {
		b = strconv.AppendUint(append(b, ' '), state, 36)
	}
	return string(b)
}

// step returns the place one level down.
func (p *place) step(s descent) place {
	next := place{text: p.text + s.text}
	next.open, next.sealed = p.open.copy(), p.sealed.copy()
	for _, c := range []*Cursor{&next.open, &next.sealed} {
		if s.name != nil {
			c.Member(s.name)
		} else {
			c.Element(s.index)
		}
	}
	return next
}

func (c *Cursor) copy() Cursor { return Cursor{sel: c.sel, states: slices.Clone(c.top())} }

// A descent is one way down from a place.
type descent struct {
	name  []byte // nil for an element
	index int
	text  string
}

// stepsOf returns every descent that the selectors distinguish: the names and
// indexes of their rules, and one name and one index that no rule has.
func stepsOf(selectors ...*Selector) []descent {
	var all []descent
	other, index := "other", 0
	for _, s := range selectors {
		for _, n := range s.names.entries {
			all = append(all, descent{name: []byte(n), text: "." + n})
		}
		for _, i := range s.index {
			all = append(all, descent{index: i, text: "[" + strconv.Itoa(i) + "]"})
			index = max(index, i+1)
		}
	}
	for slices.ContainsFunc(all, func(d descent) bool { return string(d.name) == other }) {
		other += "_"
	}
	return append(all, descent{name: []byte(other), text: "." + other}, descent{index: index, text: "[" + strconv.Itoa(index) + "]"})
}

// Surprises returns places near path that the rules of sealed do not own,
// although authors of policies often expect it: an array around the body's
// value, one value where the path has a list, the root element of XML, and
// members that set a prototype (__proto__), by which JavaScript that merges
// objects reads the value.
func Surprises(path string, sealed *Selector) (places []Surprise) {
	segs, err := parsePath(path)
	if err != nil || len(segs) == 0 {
		return nil
	}
	if segs[0].named && !segs[0].descendant {
		places = append(places, Surprise{RootArray, "$[0]" + path[1:]})
	}
	for i, s := range segs {
		if !s.named && !s.descendant && i > 0 {
			places = append(places, Surprise{OneForMany, pathOf(slices.Delete(slices.Clone(segs), i, i+1))})
		}
	}
	if len(segs) == 1 && segs[0].named && !segs[0].descendant && !strings.ContainsAny(segs[0].name, "{@") {
		places = append(places, Surprise{RootElement, "$.*" + path[1:]})
	}
	if segs[0].named {
		places = append(places, Surprise{Prototype, "$.__proto__" + path[1:]}, Surprise{Prototype, "$.constructor.prototype" + path[1:]})
	}
	return slices.DeleteFunc(places, func(s Surprise) bool { return Uncovered(s.Place, sealed) == "" })
}

// A Surprise is a place that a rule does not own, although it may look so.
type Surprise struct {
	Kind  SurpriseKind
	Place string
}

// A SurpriseKind is the reason why a place is a [Surprise].
type SurpriseKind uint8

// Kinds of surprises.
const (
	RootArray   SurpriseKind = iota // the body's value is an array
	OneForMany                      // one value where the path has a list
	Prototype                       // a member that sets a prototype when objects are merged
	RootElement                     // a member of the root element, where the body is XML
)

// shorthand reports whether name needs no brackets in a path.
func shorthand(name string) bool {
	for i, r := range name {
		if !nameRune(r, i == 0) {
			return false
		}
	}
	return name != ""
}

// pathOf writes segs as a path.
func pathOf(segs []segment) string {
	text := []byte("$")
	for _, s := range segs {
		dots := "."
		if s.descendant {
			dots = ".."
		}
		if s.named && shorthand(s.name) {
			text = append(append(text, dots...), s.name...)
			continue
		}
		if s.descendant {
			text = append(text, dots...)
		}
		switch {
		case s.any:
			text = append(text, "[*]"...)
		case s.named:
			text = append(strconv.AppendQuote(append(text, '['), s.name), ']')
		default:
			text = append(strconv.AppendInt(append(text, '['), int64(s.index), 10), ']')
		}
	}
	return string(text)
}
