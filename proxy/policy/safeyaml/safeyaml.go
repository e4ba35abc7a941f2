// Package safeyaml parses YAML that somebody else wrote: no file crashes the
// process or keeps it busy.
package safeyaml

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxNesting is far above what a policy or a schema needs. The parser's time is
// quadratic in the nesting, and its stack grows with it.
const maxNesting = 64

// An Error says where a file is no YAML, and why. Line and Column are counted
// from 1.
type Error struct {
	Line, Column int
	Detail       string
}

// Error reads "3:7: …".
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Detail) }

// Parse returns the syntax tree of src. It accepts a key that is twice in one
// mapping: the caller reports it. It refuses nesting deeper than 64, and turns
// a panic of the parser into an error.
func Parse(src string) (file *ast.File, failed *Error) {
	defer func() {
		if p := recover(); p != nil {
			file, failed = nil, &Error{1, 1, fmt.Sprintf("the YAML parser gave up: %v", p)}
		}
	}()
	tokens := lexer.Tokenize(src)
	if t := tooDeep(tokens); t != nil {
		return nil, &Error{t.Position.Line, t.Position.Column, fmt.Sprintf("nested deeper than %d", maxNesting)}
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxError(err)
	}
	return file, nil
}

// syntaxError returns the place and the message of a parser's error. Its Error
// method would print the file around the place, in time quadratic in the file.
func syntaxError(err error) *Error {
	e, ok := errors.AsType[yaml.Error](err)
	if !ok {
		return &Error{1, 1, err.Error()}
	}
	if t := e.GetToken(); t != nil {
		return &Error{t.Position.Line, t.Position.Column, e.GetMessage()}
	}
	return &Error{1, 1, e.GetMessage()}
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
