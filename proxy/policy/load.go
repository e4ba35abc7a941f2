package policy

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/proxy/policy/safeyaml"
)

// Load parses and compiles src, a policy file. Its error is a [Problems] with
// every problem of the file; a file longer than [MaxFileBytes] is a problem.
// name is the file's name in messages. getenv resolves ${ENV}; its second
// result reports whether the variable is set. readFile resolves ${file:path},
// and reads the schemas of formats: it gets the path as the file spells it, and
// resolves a relative path from the policy file's folder.
func Load(name string, src []byte, getenv func(string) (string, bool), readFile func(string) ([]byte, error)) (*Policy, error) {
	return loadWith(formats.Table(), name, src, getenv, readFile)
}

// loadWith is Load for bodies of the formats in table.
func loadWith(table codec.Table, name string, src []byte, getenv func(string) (string, bool), readFile func(string) ([]byte, error)) (*Policy, error) {
	r := newReport(name, string(src))
	root := r.parse(string(src))
	if root == nil {
		return nil, r.result()
	}
	var conf config
	(&decoder{report: r, getenv: getenv, readFile: readFile}).into(root, &conf, spot{})
	c := &compiler{report: r, conf: &conf, formats: table, readFile: readFile}
	p := c.compile()
	if err := r.result(); err != nil {
		return nil, err
	}
	p.Hash = hashOf(src, c.schemas)
	p.Warnings, p.Advice = inOrder(r.warnings), inOrder(r.advice)
	return p, nil
}

// hashOf returns the identity of a policy: the SHA-256 of its file or, if
// formats have schemas, of the file and their hashes.
func hashOf(src []byte, schemas [][sha256.Size]byte) string {
	h := sha256.New()
	h.Write(src)
	for _, s := range schemas {
		h.Write(s[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of policy files, for editors.
// It is made from the types that [Load] fills, and describes every key. A file
// that fits the schema may still have problems: only Load checks names, paths
// and limits against each other.
func Schema() []byte { return slices.Clone(schema) }

// MaxFileBytes is the longest policy file that is read.
const MaxFileBytes = 1 << 20

// parse returns the root of the only document in src, or nil after reporting
// why there is none.
func (r *report) parse(src string) ast.Node {
	if !r.readable(src) {
		return nil
	}
	file, err := safeyaml.Parse(strings.TrimPrefix(src, "\uFEFF"))
	if err != nil {
		r.problem(place{err.Line, err.Column}, "", "not YAML: %s", err.Detail)
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
