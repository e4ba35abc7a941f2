package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxFileBytes is the longest policy file that is read.
const MaxFileBytes = 1 << 20

// maxNesting is far above what a policy needs. The parser's time is quadratic in the
// nesting, and its stack grows with it.
const maxNesting = 64

// parse returns the root of the only document in src, or nil after reporting why
// there is none.
func (r *report) parse(src string) ast.Node {
	if !r.readable(src) {
		return nil
	}
	file, err := parseYAML(strings.TrimPrefix(src, "\uFEFF"))
	if err != nil {
		at, msg := syntaxError(err)
		r.problem(at, "", "not YAML: %s", msg)
		return nil
	}
	var roots []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.DirectiveType && doc.Body.Type() != ast.CommentType {
			roots = append(roots, doc.Body)
		}
	}
	switch {
	case len(roots) == 0:
		r.problem(place{1, 1}, "start with: version: 1", "the file is empty")
		return nil
	case len(roots) > 1:
		r.problem(placeOf(roots[1]), "", "a policy is one YAML document, and here begins another")
	}
	return roots[0]
}

// syntaxError returns the place and the message of a parser's error. Its Error method
// would print the file around the place, in time quadratic in the file.
func syntaxError(err error) (place, string) {
	e, ok := errors.AsType[yaml.Error](err)
	if !ok {
		return place{1, 1}, err.Error()
	}
	if t := e.GetToken(); t != nil {
		return place{t.Position.Line, t.Position.Column}, e.GetMessage()
	}
	return place{1, 1}, e.GetMessage()
}

// readable refuses a file that the parser would change silently or be slow on.
func (r *report) readable(src string) bool {
	if len(src) > MaxFileBytes {
		r.problem(place{1, 1}, "", "the file has %d bytes, more than %d", len(src), MaxFileBytes)
		return false
	}
	for i, line := range strings.Split(src, "\n") {
		if bad := strings.IndexFunc(line, func(c rune) bool { return c == utf8.RuneError }); bad >= 0 && !utf8.ValidString(line) {
			r.problem(place{i + 1, utf8.RuneCountInString(line[:bad]) + 1}, "", "not valid UTF-8")
			return false
		}
	}
	return true
}

// parseYAML turns a panic of the parser into an error: no file may crash the process.
func parseYAML(src string) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("the YAML parser gave up: %v", p)
		}
	}()
	tokens := lexer.Tokenize(src)
	if t := tooDeep(tokens); t != nil {
		return nil, &yaml.SyntaxError{Message: fmt.Sprintf("nested deeper than %d", maxNesting), Token: t}
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// tooDeep returns the token that nests too deep, in brackets or in a row of
// indicators; nil for none.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, row := 0, 0
	for _, t := range tokens {
		row++
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
		default:
			row = 0
		}
		if brackets > maxNesting || row > maxNesting {
			return t
		}
	}
	return nil
}
