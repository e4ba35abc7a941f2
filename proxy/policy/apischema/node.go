package apischema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/sealmesh/sealmesh/proxy/policy/safeyaml"
)

// A node is a value of a JSON or YAML document. No library of OpenAPI keeps
// keywords that stand beside $ref, so the document is walked as it is.
type node struct {
	line   int
	scalar string // of a string, number, boolean or null
	object bool
	keys   []string // of an object
	values []*node  // of an object or an array
}

const (
	maxBytes   = 8 << 20
	maxNesting = 200
)

// parse reads src, which is JSON if it begins with a brace, and YAML otherwise.
func parse(src []byte) (*node, error) {
	if len(src) > maxBytes {
		return nil, &Error{Detail: fmt.Sprintf("the schema has more than %d MiB", maxBytes>>20)}
	}
	src = bytes.TrimPrefix(src, []byte("\uFEFF"))
	if bytes.HasPrefix(bytes.TrimLeft(src, " \t\r\n"), []byte("{")) {
		return parseJSON(src)
	}
	return parseYAML(src)
}

// get returns the value of key in an object, or nil.
func (n *node) get(key string) *node {
	if n == nil || !n.object {
		return nil
	}
	for i, k := range n.keys {
		if k == key {
			return n.values[i]
		}
	}
	return nil
}

// text returns the scalar value of key in an object, or "".
func (n *node) text(key string) string {
	if v := n.get(key); v != nil {
		return v.scalar
	}
	return ""
}

// all yields n and all nodes in it, in order and each once: by aliases a node
// has several parents.
func (n *node) all(yield func(*node) bool) {
	seen := map[*node]bool{}
	var look func(n *node) bool
	look = func(n *node) bool {
		if seen[n] {
			return true
		}
		seen[n] = true
		if !yield(n) {
			return false
		}
		return !slices.ContainsFunc(n.values, func(v *node) bool { return !look(v) })
	}
	look(n)
}

// add adds a member to an object. A name twice would be read differently by
// others.
func (n *node) add(key string, v *node) error {
	if n.get(key) != nil {
		return v.errorf("%q is twice in one object", key)
	}
	n.keys, n.values = append(n.keys, key), append(n.values, v)
	return nil
}

func parseJSON(src []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	r := &jsonReader{d: d, src: src, line: 1}
	root, err := r.value(0)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return root, nil
		}
		err = errors.New("more than one value")
	}
	var own *Error
	if errors.As(err, &own) {
		return nil, err
	}
	r.seek()
	return nil, &Error{Line: r.line, Detail: "not JSON: " + err.Error()}
}

// A jsonReader builds nodes from tokens, and counts lines on the way.
type jsonReader struct {
	d    *json.Decoder
	src  []byte
	at   int // offset up to which lines are counted
	line int
}

func (r *jsonReader) seek() {
	to := int(r.d.InputOffset())
	r.line += bytes.Count(r.src[r.at:to], []byte("\n"))
	r.at = to
}

func (r *jsonReader) value(depth int) (*node, error) {
	t, err := r.d.Token()
	if err != nil {
		return nil, err
	}
	r.seek()
	n := &node{line: r.line}
	delim, ok := t.(json.Delim)
	if !ok {
		n.scalar = fmt.Sprint(t)
		return n, nil
	}
	if depth > maxNesting {
		return nil, n.errorf("nested deeper than %d", maxNesting)
	}
	n.object = delim == '{'
	for r.d.More() {
		key := ""
		if n.object {
			t, err := r.d.Token()
			if err != nil {
				return nil, err
			}
			key, _ = t.(string)
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if !n.object {
			n.values = append(n.values, v)
		} else if err := n.add(key, v); err != nil {
			return nil, err
		}
	}
	_, err = r.d.Token() // the closing bracket
	return n, err
}

func parseYAML(src []byte) (*node, error) {
	file, failed := safeyaml.Parse(string(src))
	if failed != nil {
		return nil, &Error{Line: failed.Line, Detail: "not YAML: " + failed.Detail}
	}
	var docs []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			docs = append(docs, d.Body)
		}
	}
	if len(docs) != 1 {
		return nil, &Error{Detail: "a schema is one YAML document"}
	}
	return (&yamlReader{anchors: map[string]*node{}}).value(docs[0], 0)
}

// A yamlReader builds nodes from a syntax tree.
type yamlReader struct{ anchors map[string]*node }

func (r *yamlReader) value(n ast.Node, depth int) (*node, error) {
	at := &node{}
	if t := n.GetToken(); t != nil {
		at.line = t.Position.Line
	}
	if depth > maxNesting {
		return nil, at.errorf("nested deeper than %d", maxNesting)
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return r.mapping(at, n.Values, depth)
	case *ast.MappingValueNode:
		return r.mapping(at, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		for _, item := range n.Values {
			v, err := r.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			at.values = append(at.values, v)
		}
		return at, nil
	case *ast.AnchorNode:
		v, err := r.value(n.Value, depth+1)
		if err == nil {
			r.anchors[n.Name.GetToken().Value] = v
		}
		return v, err
	case *ast.AliasNode:
		if v := r.anchors[n.Value.GetToken().Value]; v != nil {
			return v, nil
		}
		return nil, at.errorf("an alias without an anchor before it")
	case *ast.LiteralNode:
		at.scalar = n.Value.Value
		return at, nil
	case *ast.StringNode:
		at.scalar = n.Value
		return at, nil
	case ast.ScalarNode:
		at.scalar = n.GetToken().Value
		return at, nil
	}
	return nil, at.errorf("YAML of the kind %s is not supported in a schema", n.Type())
}

func (r *yamlReader) mapping(at *node, pairs []*ast.MappingValueNode, depth int) (*node, error) {
	at.object = true
	for _, p := range pairs {
		if _, merge := p.Key.(*ast.MergeKeyNode); merge {
			return nil, at.errorf("merge keys (<<) are not supported in a schema")
		}
		v, err := r.value(p.Value, depth+1)
		if err != nil {
			return nil, err
		}
		key := p.Key.GetToken().Value
		if s, ok := p.Key.(*ast.StringNode); ok {
			key = s.Value
		}
		if err := at.add(key, v); err != nil {
			return nil, err
		}
	}
	return at, nil
}
