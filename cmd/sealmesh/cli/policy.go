package cli

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A Digest identifies everything that a policy was read from: its file, and the
// files that it names by ${file:…}.
type Digest [sha256.Size]byte

// ReadPolicy loads and compiles the policy file at path.
func ReadPolicy(path string) (*policy.Policy, error) {
	p, _, err := LoadPolicy(path)
	return p, err
}

// LoadPolicy is ReadPolicy and also returns the digest of the files that were
// read. The digest is valid even if the policy is not.
func LoadPolicy(path string) (*policy.Policy, Digest, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, Digest{}, fmt.Errorf("policy: %w", err)
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
	return p, Digest(all.Sum(nil)), err
}
