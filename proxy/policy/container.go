package policy

import (
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// A table is a mapping whose keys the file chooses: names or paths. Entries are
// in the order of the file.
type table[T any] []named[T]

// A named value is one entry of a table.
type named[T any] struct {
	Name  string
	At    place
	Value T
}

func (t *table[T]) decode(d *decoder, n ast.Node, s spot) {
	pairs, _ := d.mapping(n, s.inside())
	for _, p := range pairs {
		e := named[T]{Name: p.key, At: p.at}
		at := spot{name: p.key, in: s.inside()}
		if s.each != "" {
			at = s.entry(p.key)
		}
		if p.key == "" {
			d.problem(p.at, "", "empty name in %s", s.inside())
		}
		d.into(p.value, &e.Value, at)
		*t = append(*t, e)
	}
}

func (t table[T]) names() []string {
	ns := make([]string, len(t))
	for i, e := range t {
		ns[i] = e.Name
	}
	return ns
}

func (t table[T]) index(name string) int {
	for i, e := range t {
		if e.Name == name {
			return i
		}
	}
	return -1
}

// A list is a sequence of mappings.
type list[T any] []T

func (l *list[T]) decode(d *decoder, n ast.Node, s spot) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrongType(n, s.inside(), "a list")
		return
	}
	for i, item := range seq.Values {
		var v T
		d.into(item, &v, spot{name: entryName(s.each, i, item)})
		*l = append(*l, v)
	}
	d.notEmpty(seq, s)
}

// entryName returns the name of entry i in messages: its own name, if it has
// one.
func entryName(each string, i int, n ast.Node) string {
	if m, ok := n.(*ast.MappingNode); ok {
		for _, v := range m.Values {
			if s, ok := v.Value.(*ast.StringNode); ok && v.Key.GetToken().Value == "name" {
				return fmt.Sprintf("%s %q", each, s.Value)
			}
		}
	}
	return fmt.Sprintf("%s %d", each, i+1)
}

// texts is a list of text. A list of one may be written as the text alone.
type texts []text

func (l *texts) decode(d *decoder, n ast.Node, s spot) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		var v text
		if v.decode(d, n, s); v.present() {
			*l = texts{v}
		}
		return
	}
	for _, item := range seq.Values {
		var v text
		if v.decode(d, item, s); v.present() {
			*l = append(*l, v)
		}
	}
	d.notEmpty(seq, s)
}

func (d *decoder) notEmpty(seq *ast.SequenceNode, s spot) {
	if len(seq.Values) == 0 {
		d.problem(placeOf(seq), "", "%s is an empty list", s)
	}
}

func (l texts) values() []string {
	vs := make([]string, len(l))
	for i, t := range l {
		vs[i] = t.Value
	}
	return vs
}

// decode accepts the mode alone in place of the mapping.
func (a *auditConfig) decode(d *decoder, n ast.Node, s spot) {
	if _, ok := n.(*ast.StringNode); ok {
		mode, _ := reflect.TypeFor[auditConfig]().FieldByName("Mode")
		s.words = wordsOf(mode)
		a.Mode.decode(d, n, s)
		return
	}
	d.fields(n, reflect.ValueOf(a).Elem(), s.inside())
}
