package transit

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// isolate makes the environment the same on every machine.
func isolate(t *testing.T) {
	t.Helper()
	for _, name := range slices.Concat(heededVariables, slices.Collect(maps.Keys(refusedVariables)), harmlessVariables) {
		t.Setenv("VAULT_"+name, "")
		t.Setenv("BAO_"+name, "")
	}
}

// A rig is a fake server, and the files by which to reach it.
type rig struct {
	*transitfake.Server
	ca, token string
}

func startFake(t testing.TB) rig {
	t.Helper()
	s := transitfake.Start()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	ca, err := s.WriteCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := rig{s, ca, filepath.Join(dir, "token")}
	r.writeToken(t, transitfake.Root)
	s.CreateKey("customers", transitfake.Key{})
	return r
}

func (r rig) writeToken(t testing.TB, token string) {
	t.Helper()
	if err := os.WriteFile(r.token, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// uri names a key, with more options as names and values in turn.
func (r rig) uri(key string, options ...string) string {
	q := url.Values{"ca-file": {r.ca}, "token-file": {r.token}}
	for i := 0; i < len(options); i += 2 {
		q.Set(options[i], options[i+1])
		if options[i+1] == "" {
			q.Del(options[i])
		}
	}
	return "transit://" + r.Host() + "/transit/" + key + "?" + q.Encode()
}

func opener(uri string) func(testing.TB) hsm.Provider {
	return func(t testing.TB) hsm.Provider { return mustOpen(t, uri) }
}

func mustOpen(t testing.TB, uri string) *Provider {
	t.Helper()
	p, err := Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}
