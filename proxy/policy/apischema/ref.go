package apischema

import (
	"net/url"
	"strconv"
	"strings"
)

// resolve returns what a $ref refers to: a place in the same document, by a
// JSON Pointer (RFC 6901).
func (d *document) resolve(ref *node) (*node, error) {
	pointer, local := strings.CutPrefix(ref.scalar, "#")
	if !local {
		return nil, ref.errorf("$ref %q is to another document; bundle the schema into one", ref.scalar)
	}
	pointer, err := url.PathUnescape(pointer)
	if err != nil || pointer != "" && pointer[0] != '/' {
		return nil, ref.errorf("$ref %q is not a JSON Pointer: anchors are not supported", ref.scalar)
	}
	at := d.root
	for _, key := range strings.Split(pointer, "/")[1:] {
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		next := at.get(key)
		if i, err := strconv.Atoi(key); err == nil && !at.object && i >= 0 && i < len(at.values) {
			next = at.values[i]
		}
		if next == nil {
			return nil, ref.errorf("$ref %q leads nowhere", ref.scalar)
		}
		at = next
	}
	return at, nil
}

// follow returns n, or what it refers to.
func (d *document) follow(n *node) (*node, error) {
	for range maxNesting {
		ref := n.get("$ref")
		if ref == nil {
			return n, nil
		}
		var err error
		if n, err = d.resolve(ref); err != nil {
			return nil, err
		}
	}
	return nil, n.errorf("$ref in a circle")
}

// eachTag calls f for every tag in the document, used or not.
func (d *document) eachTag(f func(tag *node)) {
	for n := range d.root.all {
		if tag := n.get(Keyword); tag != nil {
			f(tag)
		}
	}
}

// unused returns an error for the tags that have led to no rule.
func (d *document) unused(hint string) error {
	var lines []string
	d.eachTag(func(tag *node) {
		if !d.used[tag] {
			lines = append(lines, strconv.Itoa(tag.line))
		}
	})
	if len(lines) == 0 {
		return nil
	}
	return &Error{Detail: "no rule comes from the tags in line " + strings.Join(lines, ", ") + ": " + hint}
}
