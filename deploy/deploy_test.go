// Package deploy holds what users install. Its tests hold every file against
// the code that the file speaks of.
package deploy

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	return string(b)
}

// decode reads one YAML document into v, and refuses what v does not know.
func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(v); err != nil {
		t.Fatal(err)
	}
}

// documents splits a YAML stream into its documents, by kind.
func documents(t *testing.T, name string) map[string]string {
	t.Helper()
	docs := make(map[string]string)
	for d := yaml.NewDecoder(strings.NewReader(read(t, name))); ; {
		var doc yaml.MapSlice
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs
		}
		must(t, err)
		text, err := yaml.Marshal(doc)
		must(t, err)
		kind, _ := doc.ToMap()["kind"].(string)
		if docs[kind] != "" || kind == "" {
			t.Fatalf("%s: kind %q twice, or none", name, kind)
		}
		docs[kind] = string(text)
	}
}

// message reads YAML, or a value that came from YAML, into m as Envoy would.
func message(t *testing.T, v any, m proto.Message) {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		b, err := yaml.Marshal(v)
		must(t, err)
		text = string(b)
	}
	js, err := yaml.YAMLToJSON([]byte(text))
	must(t, err)
	if err := protojson.Unmarshal(js, m); err != nil {
		t.Fatalf("%v\n%s", err, js)
	}
}

// load reads a policy as serve does, with an environment of its own.
func load(t *testing.T, name, text string, env map[string]string) *policy.Policy {
	t.Helper()
	getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	p, err := policy.Load(name, []byte(text), getenv, func(name string) ([]byte, error) {
		if name != "lookup.record" {
			return nil, fs.ErrNotExist
		}
		return []byte("record"), nil
	})
	must(t, err)
	return p
}

var environment = map[string]string{"SEALMESH_KEK": "awskms:///arn:aws:kms:eu-west-1:111122223333:key/mrk-1234"}

func TestExamplePolicy(t *testing.T) {
	p := load(t, "policy.yaml", read(t, "policy.yaml"), environment)
	if len(p.Routes) != 3 || len(p.Keys) != 2 || len(p.Tags) != 2 || !p.Audit.Required || p.Audit.SpoolDir == "" {
		t.Errorf("%d routes, %d keys, %d tags, audit %+v", len(p.Routes), len(p.Keys), len(p.Tags), p.Audit)
	}
	if p.Unmatched != policy.RefuseUnmatched {
		t.Error("a request without a route passes")
	}
	for _, w := range p.Warnings {
		t.Error(w)
	}
}

// The README says what every file is for.
func TestReadmeNamesEveryFile(t *testing.T) {
	text := read(t, "README.md")
	must(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == "README.md" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if !strings.Contains(text, "`"+filepath.ToSlash(path)+"`") {
			t.Errorf("README.md does not say what %s is for", path)
		}
		if b, err := os.ReadFile(path); err != nil || !bytes.HasSuffix(b, []byte("\n")) {
			t.Errorf("%s: %v, or no newline at its end", path, err)
		}
		return nil
	}))
}
