package policy

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"slices"
)

// Load parses and compiles src, a policy file. Its error is a [Problems] with every
// problem of the file; a file longer than [MaxFileBytes] is a problem. name is the
// file's name in messages. getenv resolves ${ENV}; its second result reports whether
// the variable is set. readFile resolves ${file:path}: it gets the path as the file
// spells it, and resolves a relative path from the policy file's folder.
func Load(name string, src []byte, getenv func(string) (string, bool), readFile func(string) ([]byte, error)) (*Policy, error) {
	r := newReport(name, string(src))
	root := r.parse(string(src))
	if root == nil {
		return nil, r.result()
	}
	var conf config
	(&decoder{report: r, getenv: getenv, readFile: readFile}).into(root, &conf, spot{})
	p := (&compiler{report: r, conf: &conf}).compile()
	if err := r.result(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(src)
	p.Hash = hex.EncodeToString(sum[:])
	p.Warnings, p.Advice = inOrder(r.warnings), inOrder(r.advice)
	return p, nil
}

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of policy files, for editors. It is
// made from the types that [Load] fills, and describes every key. A file that fits
// the schema may still have problems: only Load checks names, paths and limits
// against each other.
func Schema() []byte { return slices.Clone(schema) }
