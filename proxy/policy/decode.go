package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A decoder fills config types from YAML nodes. It reports a value that does
// not fit, leaves it zero and continues, so that one run finds every problem.
type decoder struct {
	*report
	getenv   func(string) (string, bool)
	readFile func(string) ([]byte, error)
}

// A spot names a value in messages: the key name of the mapping in.
type spot struct {
	name string
	in   string // `rotate of key "customer"`; "" for the file itself
	each string // name of one entry of a table or list: "route"
	// words are all values that a text may have; nil for any
	words []string
}

func (s spot) String() string {
	if s.in == "" {
		return fmt.Sprintf("%q", s.name)
	}
	return fmt.Sprintf("%q in %s", s.name, s.in)
}

// inside names the value as a container.
func (s spot) inside() string {
	if s.in == "" {
		return s.name
	}
	return s.name + " of " + s.in
}

// entry names one entry of a table.
func (s spot) entry(name string) spot { return spot{name: fmt.Sprintf("%s %q", s.each, name)} }

// A decodable fills itself from a node. Structs without the method are
// filled field by field.
type decodable interface {
	decode(d *decoder, n ast.Node, s spot)
}

func (d *decoder) into(n ast.Node, p any, s spot) {
	if v, ok := p.(decodable); ok {
		v.decode(d, n, s)
		return
	}
	v := reflect.ValueOf(p).Elem()
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	d.fields(n, v, s.inside())
}

// fields fills the struct v from the mapping n. The field At of v, if there is
// one, takes the place where the mapping begins; it stays zero if n is no
// mapping.
func (d *decoder) fields(n ast.Node, v reflect.Value, in string) {
	pairs, ok := d.mapping(n, in)
	if !ok {
		return
	}
	if at := v.FieldByName("At"); at.IsValid() {
		at.Set(reflect.ValueOf(placeOf(n)))
	}
	known := fieldsOf(v.Type())
	seen := map[string]bool{}
	for _, p := range pairs {
		i := slices.IndexFunc(known, func(f configField) bool { return f.name == p.key })
		if i < 0 {
			d.problem(p.at, didYouMean(p.key, names(known)), "unknown key %q%s", p.key, inOf(in))
			continue
		}
		f := known[i]
		seen[p.key] = true
		d.into(p.value, v.FieldByIndex(f.index).Addr().Interface(), spot{p.key, in, f.each, f.words})
	}
	for _, f := range known {
		if f.required && !seen[f.name] {
			d.problem(placeOf(n), "", "missing key %q%s", f.name, inOf(in))
		}
	}
}

func inOf(in string) string {
	if in == "" {
		return ""
	}
	return " in " + in
}

// A configField is one key of a mapping, as the tags of a config type describe
// it.
type configField struct {
	name     string
	each     string
	words    []string
	index    []int
	required bool
}

func fieldsOf(t reflect.Type) []configField {
	var fs []configField
	for f := range t.Fields() {
		name, opt, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			continue
		}
		fs = append(fs, configField{name, f.Tag.Get("each"), wordsOf(f), f.Index, opt == "required"})
	}
	return fs
}

func wordsOf(f reflect.StructField) []string {
	return strings.FieldsFunc(f.Tag.Get("oneof"), func(r rune) bool { return r == '|' })
}

func names(fs []configField) []string {
	ns := make([]string, len(fs))
	for i, f := range fs {
		ns[i] = f.name
	}
	return ns
}

// A pair is one entry of a mapping.
type pair struct {
	key   string
	at    place
	token *token.Token // of the key
	value ast.Node
}

// mapping returns the entries of the mapping n. It reports and leaves out an
// entry whose key is used twice or is no scalar.
func (d *decoder) mapping(n ast.Node, in string) ([]pair, bool) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		if in == "" {
			in = "a policy"
		}
		d.wrongType(n, in, "a mapping")
		return nil, false
	}
	var pairs []pair
	first := map[string]place{}
	for _, v := range m.Values {
		p, ok := d.pair(v)
		if !ok {
			continue
		}
		if at, dup := first[p.key]; dup {
			d.problem(p.at, "", "%q stands twice%s, first in line %d", p.key, inOf(in), at.line)
			continue
		}
		first[p.key] = p.at
		pairs = append(pairs, p)
	}
	return pairs, true
}

func (d *decoder) pair(v *ast.MappingValueNode) (pair, bool) {
	at, t := placeOf(v.Key), v.Key.GetToken()
	switch v.Key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return pair{key: t.Value, at: at, token: t, value: v.Value}, true
	}
	d.problem(at, "write the entries out, and quote a key that begins with * & ! or ?", "only plain keys are supported here")
	return pair{}, false
}

// wrongType reports that name is n and must be want.
func (d *decoder) wrongType(n ast.Node, name, want string) {
	hint := ""
	switch n.(type) {
	case *ast.AliasNode:
		hint = "a value that begins with * must be quoted; aliases are not supported"
	case *ast.AnchorNode:
		hint = "a value that begins with & must be quoted; anchors are not supported"
	case *ast.TagNode:
		hint = "a value that begins with ! must be quoted; YAML tags are not supported"
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		if want == "text" {
			hint = "put it in quotes"
		}
	}
	d.problem(placeOf(n), hint, "%s must be %s, not %s", name, want, describe(n))
}

func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.AliasNode:
		return "an alias"
	case *ast.AnchorNode:
		return "an anchor"
	case *ast.TagNode:
		return "a YAML tag"
	}
	return "empty"
}

// placeOf returns where n begins. A mapping's own token is its first colon.
func placeOf(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if n == nil || n.GetToken() == nil {
		return place{1, 1}
	}
	p := n.GetToken().Position
	return place{p.Line, p.Column}
}
