package policy

import (
	"crypto/sha256"
	"encoding/hex"
)

// Load parses and compiles src. Its error is a [Problems], which holds every
// problem of the file at once; a file of more than [MaxFileBytes] is one. name is used in
// messages. getenv and readFile resolve ${ENV} and ${file:path}: readFile is given the
// path as the file has it, and takes a relative one from the policy file's folder.
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
