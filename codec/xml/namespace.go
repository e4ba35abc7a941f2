package xml

import (
	"bytes"
)

const (
	// maxDeclarations is the number of namespace declarations that may be in
	// scope, and of different prefixes that one body may declare.
	maxDeclarations = 256
	// maxNamespaceBytes is what these prefixes and namespaces take together.
	maxNamespaceBytes = 64 << 10
)

// Namespaces that mean something to the format.
const (
	xmlSpace      = "http://www.w3.org/XML/1998/namespace"
	xmlnsSpace    = "http://www.w3.org/2000/xmlns/"
	instanceSpace = "http://www.w3.org/2001/XMLSchema-instance"
	soapSpace     = "http://schemas.xmlsoap.org/soap/envelope/" // of SOAP 1.1
	encodingSpace = "http://www.w3.org/2003/05/soap-encoding"   // of SOAP 1.2
)

var xmlURI = []byte(xmlSpace)

// includeSpaces are of XInclude, whose elements stand for other documents.
var includeSpaces = [...]string{"http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude"}

// securitySpaces are of elements whose content is signed or encrypted.
var securitySpaces = [...]string{
	"http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2009/xmldsig11#", "http://www.w3.org/2007/05/xmldsig#",
	"http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#",
}

// A binding is one namespace declaration in scope.
type binding struct {
	prefix   int // index in namespaces.prefixes
	outer    int // the binding that this one hides, or noSpace
	from     int // of the namespace in namespaces.text, to the next binding's
	instance bool
	soap     bool
	encoding bool
	security bool
	ruled    bool // rules name it
}

// Bindings that are none.
const (
	noSpace   = -1 // no namespace
	xmlPrefix = -2 // of the prefix xml
	unknown   = -3 // of a prefix that is declared outside of what is read
)

// A prefix is one that a document has declared. The default namespace has the
// empty prefix.
type prefix struct {
	from, to int // of its name in namespaces.names
	top      int // its innermost binding, or noSpace
}

// A prefixSet says which of the prefixes of a document are bound.
type prefixSet [maxDeclarations / 64]uint64

func (s *prefixSet) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

// Namespaces are the namespace declarations in scope. Prefixes keep their
// numbers to the end of the body.
type namespaces struct {
	prefixes []prefix
	names    []byte // of prefixes
	bindings []binding
	text     []byte // the namespaces of bindings
	bound    prefixSet
	plain    int // the binding of the default namespace, or noSpace
	inner    int // the first binding that can be in the tagged content being read

	outer *scope // where else prefixes are bound, or nil
}

// free forgets all declarations, and keeps the memory.
func (n *namespaces) free() {
	n.names, n.text = wiped(n.names), wiped(n.text)
	n.prefixes, n.bindings = n.prefixes[:0], n.bindings[:0]
	n.bound, n.plain, n.inner, n.outer = prefixSet{}, noSpace, 0, nil
}

// find returns the number of a prefix, or -1.
func (n *namespaces) find(name []byte) int {
	for i := range n.prefixes {
		p := &n.prefixes[i]
		if p.to-p.from == len(name) && string(n.names[p.from:p.to]) == string(name) {
			return i
		}
	}
	return -1
}

// resolve returns the binding of a prefix. ok is false if it is not declared.
func (n *namespaces) resolve(name []byte) (space int, ok bool) {
	if len(name) == 0 {
		return n.plain, true
	}
	if i := n.find(name); i >= 0 && n.prefixes[i].top >= 0 {
		return n.prefixes[i].top, true
	}
	switch {
	case string(name) == "xml":
		return xmlPrefix, true
	case n.outer != nil && n.outer.declares(name):
		return unknown, true
	}
	return noSpace, false
}

// uri returns the namespace of a binding.
func (n *namespaces) uri(space int) []byte {
	if space == xmlPrefix {
		return xmlURI
	}
	if space < 0 {
		return nil
	}
	return n.text[n.bindings[space].from:n.end(space)]
}

func (n *namespaces) end(space int) int {
	if space+1 < len(n.bindings) {
		return n.bindings[space+1].from
	}
	return len(n.text)
}

// same reports whether two bindings are of one namespace, or may be where a
// sealed value is opened: a prefix that is declared outside of the value may be
// of another namespace there.
func (n *namespaces) same(a, b int) bool {
	switch {
	case a == b:
		return true
	case a < unknown || a == xmlPrefix || b < unknown || b == xmlPrefix:
		return false
	}
	return a < n.inner || b < n.inner || bytes.Equal(n.uri(a), n.uri(b))
}

// declare binds a prefix to the namespace that value spells. It returns in
// fixed words why it cannot.
func (n *namespaces) declare(name, value []byte, t *tables) (fault string) {
	from := len(n.text)
	if len(n.bindings) == maxDeclarations || from+len(n.names)+len(name)+len(value) > maxNamespaceBytes {
		return "there are more namespace declarations than the limit"
	}
	n.text = appendValue(n.text, value)
	uri := n.text[from:]
	switch {
	case string(name) == "xmlns", string(uri) == xmlnsSpace:
		return "xmlns cannot be declared"
	case (string(name) == "xml") != (string(uri) == xmlSpace):
		return "xml is the prefix of one namespace only"
	case len(name) > 0 && len(uri) == 0:
		return "a prefix cannot be without a namespace"
	case contains(includeSpaces[:], uri):
		return "XInclude is not allowed"
	}
	i := n.find(name)
	if i < 0 {
		if i = len(n.prefixes); i == maxDeclarations {
			return "there are more namespace declarations than the limit"
		}
		n.names = append(n.names, name...)
		n.prefixes = append(n.prefixes, prefix{len(n.names) - len(name), len(n.names), noSpace})
	}
	n.bindings = append(n.bindings, binding{
		prefix: i, outer: n.prefixes[i].top, from: from,
		instance: string(uri) == instanceSpace,
		soap:     string(uri) == soapSpace,
		encoding: string(uri) == encodingSpace,
		security: contains(securitySpaces[:], uri),
		ruled:    t.names(uri),
	})
	n.prefixes[i].top = len(n.bindings) - 1
	if len(name) == 0 {
		n.plain = n.prefixes[i].top
	}
	n.bound[i/64] |= 1 << (i % 64)
	return ""
}

func contains(list []string, uri []byte) bool {
	for _, s := range list {
		if s == string(uri) {
			return true
		}
	}
	return false
}

// undo ends the declarations after the first mark ones.
func (n *namespaces) undo(mark int) {
	for len(n.bindings) > mark {
		last := n.bindings[len(n.bindings)-1]
		p := &n.prefixes[last.prefix]
		if p.top = last.outer; p.from == p.to {
			n.plain = last.outer
		}
		if last.outer < 0 {
			n.bound[last.prefix/64] &^= 1 << (last.prefix % 64)
		}
		n.text = n.text[:last.from]
		n.bindings = n.bindings[:len(n.bindings)-1]
	}
}
