package policy

import (
	"errors"
	"strings"
)

// MaxParamBytes is the longest path parameter, decoded, that a value may be bound to: it
// is authenticated again with each value of a body.
const MaxParamBytes = 1024

// ErrLongParam is returned for a longer one.
var ErrLongParam = errors.New("match: a path parameter that values are bound to is too long")

// named returns how many segments have that name.
func (t *template) named(name string) (n int) {
	for _, s := range t.steps {
		if s.name == name && name != "" {
			n++
		}
	}
	return n
}

// Param returns what {name} of the route's path stands for in target, the :path
// pseudo-header of a request that [Policy.Match] gave the route: the segment, decoded
// once, byte for byte. One with parameters of its own (/a;x=1) is ErrAmbiguousPath, since
// servers differ in whether those belong to it; so is one that Match would not let in.
// The route must have the name once.
func (r *Route) Param(target, name string) (string, error) {
	var room [inlineSegments]string
	segments, _, err := split(room[:0], target)
	if err != nil {
		return "", err
	}
	for i, s := range r.template.steps {
		if s.name != name || i >= len(segments) {
			continue
		}
		switch value := segments[i]; {
		case strings.Contains(value, ";"):
			return "", ErrAmbiguousPath
		case len(value) > MaxParamBytes:
			return "", ErrLongParam
		default:
			return value, nil
		}
	}
	return "", ErrAmbiguousPath
}
