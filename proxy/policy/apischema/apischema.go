// Package apischema reads tags that the authors of an API wrote into its
// schema, and writes the rules of a policy from them. The rules are plain: who
// reads the policy needs no schema to know what is protected, and a schema that
// changes does not change what is enforced.
//
// A tag is written with the keyword x-sealmesh-tag beside the other keywords of
// a schema:
//
//	properties:
//	  ssn: {type: string, x-sealmesh-tag: pii.ssn}
//
// or with an option of protobuf:
//
//	string ssn = 1 [(sealmesh.tag) = "pii.ssn"];
//
// [OpenAPI] reads OpenAPI 3.0 and 3.1, [JSONSchema] reads JSON Schema, and
// [Read] tells one from the other. [Protobuf] reads a descriptor set.
//
// # What becomes a rule
//
//   - A property is a member, items are elements ([*]), and what
//     additionalProperties and patternProperties describe is any member (.*).
//   - allOf, anyOf, oneOf, if, then, else and not are joined: a value that one
//     of them tags is tagged.
//   - A tag on a type applies wherever the type is used. A tag at the use, also
//     beside $ref, comes before it. Two tags that meet elsewhere are an error.
//   - A type that contains itself becomes a descendant path (..ssn), which may
//     match more than the schema says. [API.Notes] lists each.
//   - readOnly properties are tagged in responses only, and writeOnly ones in
//     requests only.
//   - XML names are used where a body may be XML.
//   - A field of protobuf is a member, by both of its names. Each rule is
//     compared with all fields that it can match: see protorules.go.
//
// # No tag is lost
//
// Tags are counted in the document, wherever they are in it. If one of them led
// to no rule, reading the schema fails and names its line.
package apischema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Keyword is how a tag is written in OpenAPI and JSON Schema.
const Keyword = "x-sealmesh-tag"

// An API is what a schema says of tagged values.
type API struct {
	Routes []Route
	Tags   int      // tags in the document
	Notes  []string // where the rules match more than the schema says
}

// A Route is one operation of an API.
type Route struct {
	Name     string // operationId, or method and path
	Method   string
	Path     string
	Request  Rules
	Response Rules
	Settings []Setting // of formats that bodies may have
	Streamed bool      // bodies are streams
}

// A Setting is what a policy says of a format for both directions.
type Setting struct {
	Format  string
	Schema  string // file of the format's schema
	Message string // the message that bodies are, or ""
}

// Rules are the tagged values of one direction, by place and by name or path,
// in order.
type Rules struct{ Body, Query, Path, Headers, Cookies []Rule }

// A Rule is one tagged value.
type Rule struct {
	Path string // of a body: a JSONPath; elsewhere a name
	Tag  string
	line int // of the tag in the document
}

// Rules counts the rules of all routes.
func (a *API) Rules() (n int) {
	for _, r := range a.Routes {
		n += r.Request.count() + r.Response.count()
	}
	return n
}

func (r *Rules) places() []*[]Rule {
	return []*[]Rule{&r.Body, &r.Query, &r.Path, &r.Headers, &r.Cookies}
}

func (r *Rules) count() (n int) {
	for _, p := range r.places() {
		n += len(*p)
	}
	return n
}

// settle sorts the rules of each place, drops repeated ones, and fails where
// two tags meet.
func (r *Rules) settle() error {
	for _, p := range r.places() {
		slices.SortStableFunc(*p, func(a, b Rule) int { return cmp.Compare(a.Path, b.Path) })
		for i := 1; i < len(*p); i++ {
			if a, b := (*p)[i-1], (*p)[i]; a.Path == b.Path && a.Tag != b.Tag {
				return &Error{Line: b.line, Detail: fmt.Sprintf("%s is tagged %s here and %s in line %d", a.Path, b.Tag, a.Tag, a.line)}
			}
		}
		*p = slices.CompactFunc(*p, func(a, b Rule) bool { return a.Path == b.Path })
	}
	return nil
}

// An Error says what is wrong in a schema, and where.
type Error struct {
	Line   int // of the document, counted from 1; 0 for the whole
	Detail string
}

// Error reads "line 12: …".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Detail
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Detail)
}

func (n *node) errorf(format string, args ...any) error {
	return &Error{Line: n.line, Detail: fmt.Sprintf(format, args...)}
}

// sortRoutes puts a literal segment before a parameter, as OpenAPI matches
// paths: the first route that matches decides.
func sortRoutes(routes []Route) {
	slices.SortStableFunc(routes, func(a, b Route) int {
		return cmp.Or(slices.CompareFunc(strings.Split(a.Path, "/"), strings.Split(b.Path, "/"), func(a, b string) int {
			if literal := isLiteral(a); literal != isLiteral(b) {
				if literal {
					return -1
				}
				return 1
			}
			return cmp.Compare(a, b)
		}), cmp.Compare(a.Method, b.Method))
	})
}

func isLiteral(segment string) bool { return !strings.HasPrefix(segment, "{") }
