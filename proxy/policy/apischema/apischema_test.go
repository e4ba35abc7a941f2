package apischema

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestOpenAPI(t *testing.T) {
	src, err := os.ReadFile("testdata/api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	api, err := OpenAPI(src)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("# %d tags, %d rules\n%s# %s\n", api.Tags, api.Rules(), api.Policy(Seal, Open), strings.Join(api.Notes, "\n# "))
	if *update {
		if err := os.WriteFile("testdata/api.golden", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/api.golden")
	if err != nil || got != string(want) {
		t.Errorf("%v, got:\n%s", err, got)
	}
}

// TestJSONSchema: what the keywords of JSON Schema become. A schema is given
// without its outer braces.
func TestJSONSchema(t *testing.T) {
	const tag = `"x-sealmesh-tag":"t"`
	for _, tc := range []struct{ schema, want string }{
		{tag, `$`},
		{`"properties":{"a":{` + tag + `},"b c":{` + tag + `},"d'\\":{` + tag + `}}`, `$.a $['b c'] $['d\'\\']`},
		{`"items":{` + tag + `}`, `$[*]`},
		{`"items":[{},{` + tag + `}],"additionalItems":{` + tag + `}`, `$[*] $[1]`},
		{`"additionalProperties":{` + tag + `}`, `$.*`},
		{`"patternProperties":{"^s":{` + tag + `}}`, `$.*`},
		{`"anyOf":[{"properties":{"a":{` + tag + `}}},{"properties":{"a":{` + tag + `}}}]`, `$.a`},
		{`"if":{},"then":{"properties":{"a":{` + tag + `}}}`, `$.a`},
		{`"dependentSchemas":{"x":{"properties":{"a":{` + tag + `}}}}`, `$.a`},
		{`"$ref":"#/$defs/a~1b%20c","$defs":{"a/b c":{` + tag + `}}`, `$`},
		{`"properties":{"a":{` + tag + `},"next":{"$ref":"#"}}`, `$..a $.a`},
		{`"properties":{"x":{"$ref":"#/$defs/x"}},"$defs":{"x":{"properties":{"a":{` + tag + `},"y":{"$ref":"#/$defs/y"}}},"y":{"items":{"$ref":"#/$defs/x"}}}`, `$.x..a $.x.a`},
		{`"properties":{"a":{"allOf":[{"$ref":"#/$defs/s"}],` + tag + `}},"$defs":{"s":{"x-sealmesh-tag":"other"}}`, `$.a`},
	} {
		api, err := JSONSchema([]byte("{" + tc.schema + "}"))
		if err != nil {
			t.Errorf("%s: %v", tc.schema, err)
			continue
		}
		var paths []string
		for _, r := range api.Routes[0].Request.Body {
			if r.Tag != "t" {
				t.Errorf("%s: tag %q", tc.schema, r.Tag)
			}
			paths = append(paths, r.Path)
		}
		if got := strings.Join(paths, " "); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.schema, got, tc.want)
		}
	}
}

// TestConfluent: tags of Confluent count where the caller asks for them, and our
// own comes before them.
func TestConfluent(t *testing.T) {
	src := []byte(`{"properties":{"a":{"confluent:tags":["PII","X"]},"b":{"confluent:tags":["PII"],"x-sealmesh-tag":"own"},"c":{"confluent:tags":["X"]}}}`)
	for _, tc := range []struct {
		tags map[string]string
		want string
	}{
		{nil, "[{$.b own}]"},
		{map[string]string{"PII": "pii"}, "[{$.a pii} {$.b own}]"},
		{map[string]string{"X": "pii", "PII": "pii"}, "[{$.a pii} {$.b own} {$.c pii}]"},
		{map[string]string{"X": "x", "PII": "pii"}, "line 1: tagged pii and x"},
		{map[string]string{"PCI": "x"}, "nothing has the tag PCI of Confluent"},
	} {
		api, err := Read(src, tc.tags)
		got := fmt.Sprint(err)
		if err == nil {
			var rules []string
			for _, r := range api.Routes[0].Request.Body {
				rules = append(rules, fmt.Sprintf("{%s %s}", r.Path, r.Tag))
			}
			got = fmt.Sprint(rules)
		}
		if got != tc.want {
			t.Errorf("%v: %s, want %s", tc.tags, got, tc.want)
		}
	}
}

// TestErrors: a schema that is not understood as a whole gives no rules.
func TestErrors(t *testing.T) {
	const api = "openapi: 3.0.3\n"
	for _, tc := range []struct{ src, want string }{
		{"{", "line 1: not JSON"},
		{"a: [", "not YAML"},
		{"swagger: '2.0'", `openapi is ""`},
		{api + "paths: {}\ncomponents: {schemas: {A: {\n x-sealmesh-tag: a}}}", "no rule comes from the tags in line 4"},
		{api + "webhooks: {w: {post: {requestBody: {content: {a/b: {schema: {x-sealmesh-tag: a}}}}}}}", "no rule comes from the tags in line 2"},
		{operation("{properties: {a: {x-sealmesh-tag: x, properties: {b: {x-sealmesh-tag: y}}}}}"), "tag y has no effect"},
		{operation("{anyOf: [{x-sealmesh-tag: x}, {x-sealmesh-tag: y}]}"), "tagged y here and x"},
		{operation("{x-sealmesh-tag: [a]}"), "is the name of a tag"},
		{operation("{$ref: 'other.yaml#/A'}"), "another document"},
		{operation("{$ref: '#/nowhere'}"), "leads nowhere"},
		{operation("{$ref: '#anchor'}"), "anchors are not supported"},
		{operation("{$dynamicRef: '#a'}"), "dynamic references"},
		{api + "a: {x: 1, x: 2}", "x"},
		{api + "a: &a {b: 1}\nc: {<<: *a}", "merge keys"},
		{api + "servers: [{url: 'https://{host}/'}]\npaths: {}", "without variables"},
		{api + "servers: [{url: /a}, {url: /b}]\npaths: {}", "different paths"},
		{api + "paths: {/a: {get: {parameters: [{name: q, in: query, explode: false, schema: {properties: {a: {x-sealmesh-tag: x}}}}]}}}", "share one text"},
		{api + "paths: {/a: {get: {parameters: [{name: q, in: body}]}}}", `not in "body"`},
		{strings.Repeat("[", 5000), "nested deeper"},
		{"{\"a\":" + strings.Repeat("[", 5000), "nested deeper"},
	} {
		if _, err := OpenAPI([]byte(tc.src)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.200q: %v, want %q", tc.src, err, tc.want)
		}
	}
}

func operation(schema string) string {
	return "openapi: 3.1.0\npaths: {/a: {post: {requestBody: {content: {application/json: {schema: " + schema + "}}}}}}"
}

// FuzzOpenAPI: no document makes the reader panic or run on, and no tag is lost
// without an error.
func FuzzOpenAPI(f *testing.F) {
	src, err := os.ReadFile("testdata/api.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(src)
	f.Add([]byte(operation("{properties: {a: {x-sealmesh-tag: x}}}")))
	f.Add([]byte(`{"openapi":"3.0.0","paths":{"/a":{"get":{"responses":{"200":{"content":{"a/b":{"schema":{"x-sealmesh-tag":"t"}}}}}}}}}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		api, err := OpenAPI(src)
		if err != nil {
			return
		}
		if api.Tags > 0 && api.Rules() == 0 {
			t.Errorf("%d tags and no rule", api.Tags)
		}
		_ = api.Policy(Seal, Open)
	})
}
