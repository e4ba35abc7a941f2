package bootstrap

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

var update = flag.Bool("update", false, "write what is generated now into testdata")

// Each file of testdata is a policy and the bootstrap that it gives.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := generate(t, a.Files[0].Data, strings.Contains(file, "buffered"))
			if *update {
				a.Files = append(a.Files[:1], txtar.File{Name: "envoy.yaml", Data: got})
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := a.Files[1].Data; string(got) != string(want) {
				t.Errorf("run with -update and look at the difference; got\n%s", got)
			}
			validate(t, got)
		})
	}
}

func generate(t *testing.T, src []byte, buffered bool) []byte {
	t.Helper()
	p, err := policy.Load("policy.yaml", src, os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(p, Options{Listen: "127.0.0.1:10000", Upstream: "127.0.0.1:8080", Admin: "127.0.0.1:9902", Buffered: buffered})
	if err != nil {
		t.Fatal(err)
	}
	text, err := YAML(b)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// validate has a real Envoy read the configuration, where there is one.
func validate(t *testing.T, text []byte) {
	t.Helper()
	if testing.Short() {
		return
	}
	envoy := os.Getenv("SEALMESH_ENVOY")
	if envoy == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no Envoy: run `make envoy` and set SEALMESH_ENVOY")
		}
		return
	}
	file := filepath.Join(t.TempDir(), "envoy.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(envoy, "--mode", "validate", "-c", file).CombinedOutput(); err != nil {
		t.Errorf("envoy refuses it: %v\n%s", err, out)
	}
}

func TestRefusals(t *testing.T) {
	p, err := policy.Load("policy.yaml", []byte("version: 1\nroutes: [{name: a, match: {path: /a}, skip: true}]\n"), os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, opt := range []Options{
		{Listen: "nowhere", Upstream: "127.0.0.1:1"},
		{Listen: "127.0.0.1:1", Upstream: "127.0.0.1"},
		{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:http"},
		{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:1", Admin: "x"},
		{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:1", Processor: "x"},
		{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:1", TLS: TLS{CA: "ca"}},
	} {
		if _, err := New(p, opt); err == nil {
			t.Errorf("%+v: no error", opt)
		}
	}
}

// On a route where the filter is off, only a path that every server reads alike
// may match.
func TestSkippedPathsArePlain(t *testing.T) {
	for _, template := range []string{"/free/**", "/free/*", "/free/{id}/x"} {
		re := pathRegex(&policy.Route{Path: template, Skip: true})
		if strings.Contains(re, "[^/]+") || strings.Contains(re, ".*") {
			t.Errorf("%s: %s", template, re)
		}
	}
}
