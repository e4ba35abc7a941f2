// Package xml is the body format XML 1.0 with namespaces, in UTF-8: [Format].
// SOAP 1.1 and 1.2 are XML.
//
// The root of a path, $, is the document. It has one member, the root element,
// so a path begins with the name of the root element. Members are:
//
//   - A child element, by its local name in whatever namespace, or as
//     {uri}name in that namespace only: $.Envelope.Body['{urn:a}ssn']. {}name
//     is in no namespace. Prefixes belong to the client and do not count.
//   - An attribute, as @name or @{uri}name: $.person['@id']. Declarations
//     (xmlns) and xsi:type, xsi:nil, xsi:schemaLocation and
//     xsi:noNamespaceSchemaLocation are no members.
//
// Some readers make no difference between an attribute and a child element. So
// $.person.ssn tags <person ssn="1"/> too, and $.person['@id'] an element id,
// if no rule for its own kind does. A name with {uri} is that of one kind only.
//
// An element is also an element of the list of its siblings with the same name:
// $.list.item[1] is the second item, and $.list.item[*] is every item. [*] is
// every child too, as .* is. A rule that counts elements that no rule names,
// such as $.list.*[1], matches all of them.
//
// A rule for an element owns its content, and not its attributes. Content
// without elements is a field of kind Text if Canonical XML would write its
// text like that, and Raw otherwise ([codec.XMLContent]). Content with elements
// is Raw. An attribute value is Text or Raw in the same way. There are two
// exceptions: a rule with Unescape or Open is given all that has no elements as
// Text, with references resolved, CDATA as its text, and line ends as line
// feeds.
//
// <ssn/> and an element with xsi:nil="true" and no content are null. They have
// no place for a value.
//
// Raw content is opened only where it is well-formed: it may use the prefixes
// that are declared in that place, whatever namespaces they stand for there.
//
// Where there are rules, an element that refers to a value elsewhere, as the
// encodings of SOAP allow (href="#id", enc:ref), is refused.
//
// The format refuses what two readers could read differently, or what brings in
// text from elsewhere: a DOCTYPE, entities other than the five, XInclude,
// another version, another encoding, a comment or an instruction in a tagged
// element, and whatever is not well-formed, namespaces included. It refuses a
// tagged value in a signed or encrypted element (XML Signature, XML
// Encryption): a sealed value breaks the signature. It does not know which
// elements elsewhere a signature is about.
//
// A byte order mark may be at the start, and passes. White space, line ends and
// quotes stay as they are.
package xml

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// Format is XML. It takes no options.
var Format = codec.Format{
	Name:          "xml",
	MediaTypes:    []string{"application/xml", "text/xml", "+xml"},
	Except:        except[:],
	Check:         check,
	Scan:          scan,
	HoldsEnvelope: holdsEnvelope,
}

// except are types of XML in which no path finds a value, since data says what
// a value is called or where it is: patches, RDF, SPARQL, SenML, property
// lists, XOP. Pages, drawings and programs have a DOCTYPE by nature, or values
// of no kind.
var except = [...]codec.Pattern{
	"*patch*", "*xcap-diff*",
	"application/rdf+xml", "application/sparql-results+xml", "*senml*", "*sensml*", "*plist*",
	"application/xop+xml",
	"*html*", "image/svg+xml", "application/xslt+xml", "application/mathml+xml", "application/smil+xml",
	"application/voicexml+xml", "*xul+xml",
}

// check is Format.Check. It returns the tables that [matcher] uses.
func check(sel *codec.Selector, o codec.Options) (any, error) {
	if err := o.Only(); err != nil {
		return nil, err
	}
	return newTables(sel), nil
}

// A document is the [codec.Scanner] of XML. It holds at most one tag.
type document struct{ scanner }

const byteOrderMark = "\xef\xbb\xbf"

var documents = sync.Pool{New: func() any { return new(document) }}

var errUnchecked = errors.New("xml: Body.Checked is not what Check returned")

// scan is Format.Scan.
func scan(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	tables, ok := b.Checked.(*tables)
	if b.At.Selector() != nil {
		if !ok {
			return nil, errUnchecked
		}
		if b.At.Owner() >= 0 {
			return nil, &codec.Error{Code: codec.Malformed, Detail: "a rule owns the whole document: only its root element can be sealed"}
		}
	}
	d := documents.Get().(*document)
	d.begin(b, tables, tags)
	return d, nil
}

// Scan implements [codec.Scanner].
func (d *document) Scan(p []byte, base int64) error {
	if d.err != nil {
		return d.err
	}
	d.base = base
	return d.scan(p)
}

// End implements [codec.Scanner].
func (d *document) End(at int64) error {
	d.base = at
	return d.complete()
}

// Free implements [codec.Scanner].
func (d *document) Free() {
	d.free()
	documents.Put(d)
}
