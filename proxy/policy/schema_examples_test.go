package policy

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("policy.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate checks a YAML file against the schema, as an editor does.
func validate(t *testing.T, s *jsonschema.Schema, src string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(src), &v); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// TestSchemaAgrees holds the schema to the loader: what loads is valid, and
// what the loader refuses for its shape alone (keys and types) is not.
func TestSchemaAgrees(t *testing.T) {
	s := compiledSchema(t)
	refusesAll := map[string]bool{"keys.txtar": true, "types.txtar": true}
	for _, file := range goldenArchives(t) {
		_, cases := readArchive(t, file)
		for _, c := range cases {
			err := validate(t, s, c.src)
			_, loadErr := load(t, c.src)
			if loadErr == nil && err != nil {
				t.Errorf("%s/%s loads, and the schema says:\n%v", file, c.name, err)
			}
			if refusesAll[filepath.Base(file)] && err == nil {
				t.Errorf("%s/%s does not load, and is valid by the schema", file, c.name)
			}
		}
	}
}

// TestSchemaDescribes holds that every key has a description that ends as a
// sentence.
func TestSchemaDescribes(t *testing.T) {
	var walk func(at string, v any)
	walk = func(at string, v any) {
		o, ok := v.(map[string]any)
		if !ok {
			return
		}
		if props, ok := o["properties"].(map[string]any); ok && o["type"] == "object" {
			for name, p := range props {
				text, _ := p.(map[string]any)["description"].(string)
				if !strings.HasSuffix(text, ".") {
					t.Errorf("%s.%s: description %q", at, name, text)
				}
			}
		}
		for name, child := range o {
			walk(at+"/"+name, child)
		}
	}
	var root any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	walk("", root)
}
