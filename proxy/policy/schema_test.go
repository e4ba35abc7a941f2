package policy

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite schema.json, docs/policy.md and the golden files")

// TestSchemaIsCurrent holds schema.json equal to what config.go says.
func TestSchemaIsCurrent(t *testing.T) {
	want := generateSchema(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(Schema(), want) {
		t.Error("schema.json is not what config.go says: run go test ./proxy/policy -update")
	}
}

// object is a JSON Schema. encoding/json sorts its keys.
type object = map[string]any

// A generator makes the schema from the types of config.go, their tags and
// their comments.
type generator struct {
	docs map[string]string // "keyConfig.KEK" → comment
	defs object
}

func generateSchema(t *testing.T) []byte {
	t.Helper()
	g := &generator{docs: configComments(t), defs: object{}}
	g.define(reflect.TypeFor[config]())
	root := g.defs["config"].(object)
	delete(g.defs, "config")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://github.com/sealmesh/sealmesh/policy.schema.json"
	root["title"] = "sealmesh policy"
	root["$defs"] = g.defs
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// configComments returns the comments of the struct types in config.go,
// config_key.go and config_envoy.go and of their fields.
func configComments(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, file := range []string{"config.go", "config_key.go", "config_envoy.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		comments(t, f, docs)
	}
	return docs
}

func comments(t *testing.T, f *ast.File, docs map[string]string) {
	t.Helper()
	for _, decl := range f.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			continue
		}
		typ := d.Specs[0].(*ast.TypeSpec)
		name := typ.Name.Name
		text := oneLine(d.Doc.Text())
		text = strings.TrimPrefix(strings.TrimPrefix(text, name+" is "), name+" ")
		docs[name] = strings.ToUpper(text[:1]) + text[1:]
		for _, field := range typ.Type.(*ast.StructType).Fields.List {
			if field.Tag == nil {
				continue
			}
			if docs[name+"."+field.Names[0].Name] = oneLine(field.Doc.Text()); field.Doc == nil {
				t.Errorf("%s.%s has no comment", name, field.Names[0].Name)
			}
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// define adds the definition of a struct type, and returns a reference to it.
func (g *generator) define(t reflect.Type) object {
	name := strings.TrimSuffix(t.Name(), "Config")
	ref := object{"$ref": "#/$defs/" + name}
	if _, ok := g.defs[name]; ok {
		return ref
	}
	props, required := object{}, []string{}
	def := object{
		"type": "object", "additionalProperties": false,
		"description": g.docs[t.Name()], "properties": props,
	}
	g.defs[name] = def
	for _, f := range fieldsOf(t) {
		sf := t.FieldByIndex(f.index)
		p := g.value(sf.Type, f.words)
		p["description"] = g.docs[t.Name()+"."+sf.Name]
		props[f.name] = p
		if f.required {
			required = append(required, f.name)
		}
	}
	if len(required) > 0 {
		def["required"] = required
	}
	return ref
}

// Patterns of scalars. An expansion may take the place of any.
const (
	expansionPattern = `\$\{`
	sizePattern      = `^[0-9]+ *(B|KiB|MiB|GiB|TiB)?$`
	durationPattern  = `^[0-9].*(ns|us|µs|ms|s|m|h|d)$`
	datePattern      = `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`
)

func or(schemas ...object) object { return object{"anyOf": schemas} }

func expandable(s object) object {
	return or(s, object{"type": "string", "pattern": expansionPattern})
}

func (g *generator) value(t reflect.Type, words []string) object {
	whole := object{"type": "integer", "minimum": 0}
	switch t {
	case reflect.TypeFor[text]():
		if len(words) > 0 {
			return expandable(object{"enum": words})
		}
		return object{"type": "string"}
	case reflect.TypeFor[texts]():
		return or(object{"type": "string"}, object{"type": "array", "minItems": 1, "items": object{"type": "string"}})
	case reflect.TypeFor[number]():
		if len(words) > 0 {
			return expandable(object{"enum": []json.RawMessage{json.RawMessage(words[0])}})
		}
		return expandable(whole)
	case reflect.TypeFor[size]():
		return or(whole, object{"type": "string", "pattern": sizePattern + "|" + expansionPattern})
	case reflect.TypeFor[toggle]():
		return expandable(object{"type": "boolean"})
	case reflect.TypeFor[duration]():
		return object{"type": "string", "pattern": durationPattern + "|" + expansionPattern}
	case reflect.TypeFor[date]():
		return object{"type": "string", "pattern": datePattern + "|" + expansionPattern}
	case reflect.TypeFor[auditConfig]():
		mode, _ := t.FieldByName("Mode")
		return or(object{"enum": wordsOf(mode)}, g.define(t), object{"type": "string", "pattern": expansionPattern})
	}
	return g.container(t)
}

func (g *generator) container(t reflect.Type) object {
	switch {
	case t.Kind() == reflect.Pointer:
		return g.container(t.Elem())
	case strings.HasPrefix(t.Name(), "table["):
		v, _ := t.Elem().FieldByName("Value")
		return object{"type": "object", "propertyNames": object{"minLength": 1}, "additionalProperties": g.value(v.Type, nil)}
	case strings.HasPrefix(t.Name(), "list["):
		return object{"type": "array", "minItems": 1, "items": g.value(t.Elem(), nil)}
	}
	return g.define(t)
}
