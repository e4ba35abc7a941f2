// Package builtin is the table of key stores in this binary: the one place that
// knows them all. A new store is one folder below keycache/store and one line here.
package builtin

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/dir"
	"github.com/sealmesh/sealmesh/keycache/store/dynamodb"
	"github.com/sealmesh/sealmesh/keycache/store/postgres"
)

// Options is what opening a store needs beyond its URL.
type Options struct {
	// Dir is the folder that a relative path in a URL is below: the policy file's.
	Dir string
}

// Open opens the store that url names. It reaches no server: a store that is
// away is no error yet. The caller closes it.
func Open(ctx context.Context, url string, opt Options) (store.Store, error) {
	kind, rest, _ := strings.Cut(url, ":")
	switch kind {
	case "dir":
		if !filepath.IsAbs(rest) {
			rest = filepath.Join(opt.Dir, rest)
		}
		return asStore(dir.Open(rest))
	case "dynamodb":
		return asStore(dynamodb.Open(ctx, rest))
	case "postgres", "postgresql":
		return asStore(postgres.Open(ctx, url))
	default:
		return nil, fmt.Errorf("%w: %q is no kind of store: use dir, dynamodb or postgres", store.ErrMisconfigured, kind)
	}
}

// asStore keeps a nil pointer from becoming a store.
func asStore[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
