package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A sum tells whether anything that a policy was made from has changed: its file,
// and the files that it names by ${file:…}.
type sum [sha256.Size]byte

// readPolicy loads and compiles the policy file at path.
func readPolicy(path string) (*policy.Policy, error) {
	p, _, err := loadPolicy(path)
	return p, err
}

// loadPolicy is readPolicy, with the sum of what it read, also where that is no policy.
func loadPolicy(path string) (*policy.Policy, sum, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, sum{}, fmt.Errorf("policy: %w", err)
	}
	all := sha256.New()
	add := func(b []byte) {
		part := sha256.Sum256(b)
		all.Write(part[:])
	}
	add(src)
	dir := filepath.Dir(path)
	p, err := policy.Load(path, src, os.LookupEnv, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		b, err := os.ReadFile(name)
		add(b)
		return b, err
	})
	return p, sum(all.Sum(nil)), err
}
