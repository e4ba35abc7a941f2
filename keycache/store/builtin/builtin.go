// Package builtin is the table of the key stores in this binary. A new store is
// one folder below keycache/store and one line here.
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

// Options is what a store needs besides its URL.
type Options struct {
	// Dir is the base of relative paths in a URL: the folder of the policy.
	Dir string
}

// Open opens the store that url names. It sends no request, so an unavailable
// store is no error. The caller closes the store.
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
		return nil, fmt.Errorf("%w: unknown store %q: use dir, dynamodb or postgres", store.ErrMisconfigured, kind)
	}
}

// asStore turns a nil pointer with an error into a nil store.
func asStore[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
