// Package arch holds tests of the source tree: which package imports which, how
// large files, functions and types may be, and what is documented. It has no
// code of its own.
package arch

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/sealmesh/sealmesh/"

// A rule says what the packages below a path may import. Imports only go down.
var importRules = []struct {
	below string // path in the module; the longest that fits counts
	may   func(path string) bool
}{
	{"codec", anyOf(std, ours("codec"))}, // formats import codec; Go itself refuses the reverse
	{"codec/coding", anyOf(std, ours("codec"), external("github.com/klauspost/compress/", "github.com/andybalholm/brotli"))},
	{"codec/envelope", anyOf(std, ours("codec", "codec/suite"))},
	{"codec/protobuf", anyOf(std, ours("codec"), external("google.golang.org/protobuf/"))},
	{"codec/suite", std},
	{"hsm", std},
	{"hsm/hsmtest", anyOf(std, ours("hsm"))},
	{"hsm/builtin", anyOf(std, ours("hsm"))},
	{"hsm/guard", anyOf(std, ours("hsm"))},
	{"hsm/local", anyOf(std, ours("hsm"))},
	{"hsm/awskms", anyOf(std, ours("hsm"), external("github.com/aws/"))},
	{"hsm/pkcs11", anyOf(std, ours("hsm"), external("github.com/miekg/pkcs11", "golang.org/x/sync/"))},
	{"hsm/transit", anyOf(std, ours("hsm"), external("github.com/openbao/openbao/api/"))},
	{"hsm/gcpkms", anyOf(std, ours("hsm"), external("google.golang.org/api/", "cloud.google.com/go/"))},
	{"hsm/azurekv", anyOf(std, ours("hsm"), external("github.com/Azure/azure-sdk-for-go/sdk/"))},
	{"keycache", anyOf(std, ours("hsm", "codec", "keycache/calls", "keycache/datakeys", "keycache/keks", "keycache/keyuse", "keycache/source"), external("go.opentelemetry.io/otel/trace", "github.com/hashicorp/golang-lru/v2"))},
	{"keycache/rewrap", anyOf(std, ours("hsm", "codec/envelope", "codec/suite", "keycache", "keycache/keks", "keycache/source", "keycache/store"), external("github.com/hashicorp/golang-lru/v2"))},
	{"keycache/source", anyOf(std, ours("hsm", "codec/envelope", "codec/suite", "keycache/calls", "keycache/datakeys", "keycache/flight", "keycache/keks", "keycache/store"), external("go.opentelemetry.io/otel", "github.com/hashicorp/golang-lru/v2"))},
	{"keycache/datakeys", anyOf(std, ours("hsm", "codec", "keycache/calls", "keycache/flight"), external("go.opentelemetry.io/otel/trace", "github.com/hashicorp/golang-lru/v2"))},
	{"keycache/keyuse", anyOf(std, ours("keycache/keyuse"), external("google.golang.org/", "golang.org/x/net/http/httpguts", "golang.org/x/sys/", "go.opentelemetry.io/proto/"))},
	{"keycache/calls", anyOf(std, ours("hsm"))},
	{"keycache/keks", anyOf(std, ours("hsm", "codec/envelope", "keycache/calls", "keycache/flight"), external("go.opentelemetry.io/otel"))},
	{"keycache/flight", anyOf(std, external("go.opentelemetry.io/otel/trace"))},
	{"keycache/store", anyOf(std, ours("keycache/store", "codec", "hsm"), external("github.com/aws/", "github.com/jackc/pgx/v5", "golang.org/x/sys/"))},
	{"proxy/places", anyOf(std, ours("codec"))},
	{"proxy/policy", anyOf(std, ours("codec", "hsm", "proxy/policy/safeyaml", "proxy/places"), external("github.com/goccy/go-yaml"))},
	{"proxy/policy/safeyaml", anyOf(std, external("github.com/goccy/go-yaml"))},
	{"proxy/policy/apischema", anyOf(std, ours("codec", "proxy/policy/safeyaml"), external("github.com/goccy/go-yaml", "google.golang.org/protobuf/"))},
	{"proxy/wire", anyOf(std, ours("codec"), external("google.golang.org/", "github.com/envoyproxy/go-control-plane/envoy"))},
	{"proxy/transport", anyOf(std, external("google.golang.org/grpc", "google.golang.org/protobuf/proto", "golang.org/x/net/http2"))},
	{"proxy/dataplane", anyOf(std, ours("proxy/wire"), external("google.golang.org/", "github.com/envoyproxy/go-control-plane/envoy", "golang.org/x/net/"))},
	{"proxy/bootstrap", anyOf(std, ours("proxy"), external("google.golang.org/protobuf", "github.com/envoyproxy/go-control-plane/envoy", "github.com/goccy/go-yaml"))},
	{"proxy/envoycheck", anyOf(std, ours("proxy"), external("google.golang.org/protobuf", "github.com/envoyproxy/go-control-plane/envoy", "github.com/cncf/xds/go", "github.com/goccy/go-yaml"))},
	{"proxy/attachment", anyOf(std, ours("proxy"))},
	{"proxy/envoytest", anyOf(std, ours("proxy/bootstrap"), external("github.com/envoyproxy/go-control-plane/envoy"))},
	{"proxy/xds", anyOf(std, external("google.golang.org/grpc", "google.golang.org/protobuf", "github.com/envoyproxy/go-control-plane"))},
	{"proxy", anyOf(std, ours("codec", "keycache", "proxy/places", "proxy/policy", "proxy/transport", "proxy/wire"), external("google.golang.org/grpc", "go.opentelemetry.io/otel"))},
	{"deploy", nothing},
	{"docs", nothing},
	{"bench", library},
	{"cmd", library},
	{"cmd/sealmesh", anyOf(library, ours("cmd/sealmesh"))},
	{"cmd/sealmesh/admin", command},
	{"cmd/sealmesh/apply", command},
	{"cmd/sealmesh/check", command},
	{"cmd/sealmesh/cli", anyOf(library, ours("cmd/sealmesh/keyset"))},
	{"cmd/sealmesh/cmdtest", library},
	{"cmd/sealmesh/demo", command},
	{"cmd/sealmesh/envoy", command},
	{"cmd/sealmesh/fromschema", command},
	{"cmd/sealmesh/inspect", command},
	{"cmd/sealmesh/keys", command},
	{"cmd/sealmesh/keyset", library},
	{"cmd/sealmesh/rewrap", command},
	{"cmd/sealmesh/serve", anyOf(command, ours("cmd/sealmesh/serve/admin"))},
	{"cmd/sealmesh/serve/admin", command},
}

func std(path string) bool { return !strings.Contains(strings.SplitN(path, "/", 2)[0], ".") }

// library is everything below cmd, and command what one command may import:
// commands do not import each other.
func library(path string) bool { return !strings.HasPrefix(path, module+"cmd/") }
func command(path string) bool {
	return library(path) || ours("cmd/sealmesh/cli", "cmd/sealmesh/keyset")(path)
}
func nothing(string) bool { return false }

func ours(below ...string) func(string) bool {
	return func(path string) bool {
		rest, ok := strings.CutPrefix(path, module)
		return ok && slices.ContainsFunc(below, func(b string) bool { return rest == b || strings.HasPrefix(rest, b+"/") })
	}
}

// external never lets the OpenTelemetry SDK in: only cmd has it.
func external(prefixes ...string) func(string) bool {
	return func(path string) bool {
		return !strings.HasPrefix(path, "go.opentelemetry.io/otel/sdk") &&
			slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(path, p) })
	}
}

func anyOf(rules ...func(string) bool) func(string) bool {
	return func(path string) bool {
		return slices.ContainsFunc(rules, func(r func(string) bool) bool { return r(path) })
	}
}

type goPackage struct {
	ImportPath, Dir string
	Imports         []string
	GoFiles         []string
	CgoFiles        []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	all, err := listed()
	must(t, err)
	return all
}

// listed asks the go command once.
var listed = sync.OnceValues(func() ([]goPackage, error) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles,CgoFiles", module+"...").Output()
	if err != nil {
		return nil, err
	}
	var all []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

// isSupport reports whether the package at path only helps tests.
func isSupport(path string) bool {
	return strings.HasSuffix(path, "test") || strings.HasSuffix(path, "fake") || path == "proxy/dataplane"
}

func TestImportsGoDown(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		best := -1
		for i, r := range importRules {
			if (path == r.below || strings.HasPrefix(path, r.below+"/")) && (best < 0 || len(r.below) > len(importRules[best].below)) {
				best = i
			}
		}
		if best < 0 {
			t.Errorf("%s: no rule says what it may import", path)
			continue
		}
		for _, imp := range p.Imports {
			if isSupport(path) && path != "proxy/dataplane" && !strings.HasPrefix(imp, module+"cmd/") || imp == "C" && path == "hsm/pkcs11" {
				continue // test support meets what it tests with
			}
			if path == "hsm/builtin" && strings.HasPrefix(imp, module+"hsm/") {
				continue
			}
			if !importRules[best].may(imp) {
				t.Errorf("%s must not import %s", path, imp)
			}
		}
		if len(p.CgoFiles) > 0 && path != "hsm/pkcs11" {
			t.Errorf("%s uses cgo; only hsm/pkcs11 does", path)
		}
	}
}

// Nothing in the tree is left to be done later, and no test is skipped without
// saying why.
func TestNothingIsLeftUndone(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	must(t, err)
	root := strings.TrimSpace(string(out))
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "build" || d.Name() == ".git") {
			return skipDir(err)
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "arch_test.go") {
			return nil
		}
		text := read(t, path)
		for _, word := range []string{"TODO", "FIXME", "XXX", "HACK", "panic(\"not yet\")", "t.SkipNow()", "t.Skip()"} {
			if strings.Contains(text, word) {
				t.Errorf("%s: %s", path, word)
			}
		}
		return nil
	}))
}

func skipDir(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
