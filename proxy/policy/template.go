package policy

import (
	"errors"
	"slices"
	"strings"
)

// A step is one segment of a path template. Its zero value is a literal.
type step struct {
	literal string
	any     bool   // * or {name}: any one segment
	name    string // of {name}
}

// A template is a compiled path template.
type template struct {
	steps []step
	rest  bool // ends in **: any number of segments may follow, or none
	fold  bool // compare literals without regard to case
}

// parseTemplate compiles a path template. It refuses a literal that no admitted
// request can have, such as a dot segment or an encoded character. detail is
// "", or what is wrong at offset in s.
func parseTemplate(s string, fold bool) (t template, offset int, detail string) {
	t.fold = fold
	if !strings.HasPrefix(s, "/") {
		return t, 0, "a path begins with /"
	}
	if s = strings.TrimSuffix(s[1:], "/"); s == "" {
		return t, 0, ""
	}
	offset = 1
	for seg := range strings.SplitSeq(s, "/") {
		switch {
		case t.rest:
			return t, offset, "** is only possible at the end"
		case seg == "**":
			t.rest = true
		case seg == "*" || isVariable(seg):
			t.steps = append(t.steps, step{any: true, name: strings.Trim(seg, "*{}")})
		default:
			if detail := checkLiteral(seg); detail != "" {
				return t, offset, detail
			}
			t.steps = append(t.steps, step{literal: seg})
		}
		offset += len(seg) + 1
	}
	return t, 0, ""
}

func isVariable(seg string) bool {
	name, ok := strings.CutPrefix(seg, "{")
	name, closed := strings.CutSuffix(name, "}")
	return ok && closed && !strings.ContainsAny(name, "{}*=")
}

func checkLiteral(seg string) string {
	switch {
	case seg == "":
		return "a path has no empty segments"
	case strings.ContainsAny(seg, "*{}"):
		return "*, ** and {name} stand for whole segments"
	case strings.Contains(seg, "%"):
		return "write the decoded character: requests are decoded before they are compared"
	case strings.ContainsAny(seg, "?#;\\"):
		return "a path has no query, fragment, parameters or backslash"
	case checkSegment(seg) != nil:
		return "no request that is let in has this segment"
	}
	return ""
}

func (t *template) matches(segments []string) bool {
	if len(segments) < len(t.steps) || len(segments) > len(t.steps) && !t.rest {
		return false
	}
	for i, s := range t.steps {
		if !s.any && s.literal != segments[i] && !(t.fold && strings.EqualFold(s.literal, segments[i])) {
			return false
		}
	}
	return true
}

// takes is matches for a path that is not split.
func (t *template) takes(path string) bool {
	segments, _, err := split(nil, path)
	return err == nil && t.matches(segments)
}

// covers reports whether every path that o matches is matched by t.
func (t *template) covers(o *template) bool {
	if len(o.steps) < len(t.steps) || !t.rest && (o.rest || len(o.steps) > len(t.steps)) {
		return false
	}
	for i, s := range t.steps {
		p := o.steps[i]
		same := s.literal == p.literal && (t.fold || !o.fold) || t.fold && strings.EqualFold(s.literal, p.literal)
		if !s.any && (p.any || !same) {
			return false
		}
	}
	return true
}

// covers reports whether r takes every request that o would.
func (r *Route) covers(o *Route) bool {
	return r.coversMethods(o) && r.coversHosts(o) && r.template.covers(&o.template)
}

func (r *Route) coversMethods(o *Route) bool {
	foreign := func(m string) bool { return !slices.Contains(r.Methods, m) }
	return len(r.Methods) == 0 || len(o.Methods) > 0 && !slices.ContainsFunc(o.Methods, foreign)
}

func (r *Route) coversHosts(o *Route) bool {
	foreign := func(h string) bool { return !matchesHost(r.Hosts, h) }
	return len(r.Hosts) == 0 || len(o.Hosts) > 0 && !slices.ContainsFunc(o.Hosts, foreign)
}

// MaxParamBytes is the longest path parameter, decoded, that a value may be
// bound to. It is authenticated with each value of a body.
const MaxParamBytes = 1024

// ErrLongParam is returned for a path parameter longer than [MaxParamBytes].
var ErrLongParam = errors.New("match: a path parameter that values are bound to is too long")

// named returns how many segments are {name}.
func (t *template) named(name string) (n int) {
	for _, s := range t.steps {
		if s.name == name && name != "" {
			n++
		}
	}
	return n
}

// Param returns the segment of target that {name} in the route's path stands
// for, decoded once, byte for byte. target is the :path pseudo-header of a
// request for which [Policy.Match] returned r. The path of r must have {name}
// exactly once.
//
// The error is ErrAmbiguousPath for a segment with parameters (/a;x=1), since
// servers disagree on whether those belong to it, and for a path that Match
// refuses. It is ErrLongParam for a segment longer than [MaxParamBytes].
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

// Segment returns where in target the segment is that {name} in the route's
// path stands for, as it was sent. The rest is as for Param.
func (r *Route) Segment(target, name string) (begin, end int, err error) {
	at := slices.IndexFunc(r.template.steps, func(s step) bool { return s.name == name })
	if _, err := r.Param(target, name); err != nil && !errors.Is(err, ErrLongParam) || at < 0 {
		return 0, 0, ErrAmbiguousPath
	}
	path, _, _ := strings.Cut(target, "?")
	begin = 1
	for range at {
		begin += strings.IndexByte(path[begin:], '/') + 1
	}
	end = len(path)
	if i := strings.IndexByte(path[begin:], '/'); i >= 0 {
		end = begin + i
	}
	return begin, end, nil
}
