package envoycheck

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// A node is a message of a configuration, by the names of its fields. Extensions of which
// nothing is known are nodes like others, so that any configuration can be read.
type node map[string]any

// parse reads YAML, of which JSON is a part. Field names may be as in the proto or in lower camel case.
func parse(src []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(src, &v); err != nil {
		return nil, err
	}
	return nodes(v), nil
}

func nodes(v any) any {
	switch v := v.(type) {
	case map[string]any:
		n := make(node, len(v))
		for k, e := range v {
			n[snake(k)] = nodes(e)
		}
		return n
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = nodes(e)
		}
		return out
	}
	return v
}

// snake returns the proto's name of a field in lower camel case. Names of filters, which are keys
// of maps, have dots or are kept apart by their case alone, and are told by neither.
func snake(s string) string {
	if strings.ContainsAny(s, "./ @-") {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if 'A' <= r && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// keys are in order, so that findings are.
func (n node) keys() []string {
	keys := make([]string, 0, len(n))
	for k := range n {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// is reports whether n is a message of that name, packed in an Any.
func (n node) is(message string) bool {
	return strings.HasSuffix(n.text("@type"), "."+message)
}

func (n node) node(key string) node {
	m, _ := n[key].(node)
	return m
}

func (n node) list(key string) []any {
	l, _ := n[key].([]any)
	return l
}

func (n node) nodes(key string) []node   { return each[node](n, key) }
func (n node) texts(key string) []string { return each[string](n, key) }

// each returns those elements of a list that are what they should be.
func each[T any](n node, key string) (out []T) {
	for _, e := range n.list(key) {
		if v, ok := e.(T); ok {
			out = append(out, v)
		}
	}
	return out
}

func (n node) text(key string) string {
	s, _ := n[key].(string)
	return s
}

func (n node) flag(key string) bool {
	b, _ := n[key].(bool)
	return b
}

// duration reads a Duration as in JSON; ok is false where there is none.
func (n node) duration(key string) (d time.Duration, ok bool) {
	d, err := time.ParseDuration(n.text(key))
	return d, err == nil
}
