package policy

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const referencePage = "../../docs/policy.md"

// TestReferenceIsCurrent holds docs/policy.md equal to what the comments of
// config*.go say.
func TestReferenceIsCurrent(t *testing.T) {
	want := generateReference(t)
	if *update {
		if err := os.WriteFile(referencePage, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/policy.md is not what the comments of config*.go say: run go test ./proxy/policy -update")
	}
}

const referenceHead = `<!-- Made from the comments of proxy/policy/config*.go: go test ./proxy/policy -update -->

# Policy reference

Every key of a policy file. [Rules](rules.md) says what the keys mean together, and
[the example](../deploy/policy.yaml) uses most of them.

"sealmesh schema > sealmesh.schema.json" gives editors completion and these descriptions. Begin the
policy file with "# yaml-language-server: $schema=sealmesh.schema.json". sealmesh refuses unknown
keys, duplicate keys and values of a wrong type, and reports all problems at once, with line, column
and a caret.

A scalar value may hold "${ENV}", "${ENV:-default}" and "${file:path}". The path is relative to
the policy file. "$${" stands for a literal "${". Keys of mappings are never expanded. A list of one
may be written as its value alone. A size is a number of bytes, or has "KiB", "MiB", "GiB" or "TiB".
A duration is as in Go, with days: "30s", "5m", "1h30m", "30d". A date is "2027-03-01". A key in
**bold** is required where its mapping is there.
`

func generateReference(t *testing.T) []byte {
	t.Helper()
	p := &reference{docs: configComments(t), sections: map[reflect.Type]int{}}
	p.section(reflect.TypeFor[config](), "")
	var b bytes.Buffer
	b.WriteString(strings.ReplaceAll(referenceHead, `"`, "`"))
	for _, s := range p.text {
		b.WriteString(s)
	}
	return b.Bytes()
}

// A reference is the page in the making: a section for each mapping, in the order in
// which the file reaches them.
type reference struct {
	docs     map[string]string
	sections map[reflect.Type]int // of text
	text     []string
}

// section adds the table of one mapping, which at is the path of, and those below it.
func (p *reference) section(t reflect.Type, at string) {
	if i, ok := p.sections[t]; ok { // request and response, or the places of both
		title, rest, _ := strings.Cut(p.text[i], "`\n")
		p.text[i] = title + "`, `" + at[strings.LastIndexByte(at, '.')+1:] + "`\n" + rest
		return
	}
	p.sections[t] = len(p.text)
	title := "The file"
	if at != "" {
		title = "`" + at + "`"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | value | meaning |\n|---|---|---|\n", title, code(p.docs[t.Name()], nil))
	for _, f := range fieldsOf(t) {
		sf := t.FieldByIndex(f.index)
		key := "`" + f.name + "`"
		if f.required {
			key = "**" + key + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", key, typeName(sf.Type, f.words), code(p.docs[t.Name()+"."+sf.Name], f.words))
	}
	p.text = append(p.text, b.String())
	for _, f := range fieldsOf(t) {
		if below, suffix := mappingOf(t.FieldByIndex(f.index).Type); below != nil {
			p.section(below, strings.TrimPrefix(at+"."+f.name+suffix, "."))
		}
	}
}

// mappingOf returns the struct that a value is, or holds, and how a path names an element.
func mappingOf(t reflect.Type) (below reflect.Type, suffix string) {
	switch {
	case t.Kind() == reflect.Pointer:
		t = t.Elem()
	case strings.HasPrefix(t.Name(), "table["):
		v, _ := t.Elem().FieldByName("Value")
		t, suffix = v.Type, ".NAME"
	case strings.HasPrefix(t.Name(), "list["):
		t, suffix = t.Elem(), "[]"
	}
	if !strings.HasSuffix(t.Name(), "Config") {
		return nil, ""
	}
	return t, suffix
}

func typeName(t reflect.Type, words []string) string {
	if len(words) > 0 && t != reflect.TypeFor[auditConfig]() {
		return "`" + strings.Join(words, "`, `") + "`"
	}
	switch t {
	case reflect.TypeFor[text]():
		return "text"
	case reflect.TypeFor[texts]():
		return "text, or a list"
	case reflect.TypeFor[number]():
		return "number"
	case reflect.TypeFor[size]():
		return "size"
	case reflect.TypeFor[toggle]():
		return "`true`, `false`"
	case reflect.TypeFor[duration]():
		return "duration"
	case reflect.TypeFor[date]():
		return "date"
	case reflect.TypeFor[auditConfig]():
		return "mode, or a mapping"
	}
	below, suffix := mappingOf(t)
	switch {
	case t == reflect.TypeFor[table[table[text]]]():
		return "mapping by name"
	case below == nil:
		return "mapping of text"
	case suffix == "[]":
		return "list of mappings"
	case suffix != "":
		return "mapping by name"
	}
	return "mapping"
}

// literal matches a word that is written in a file or a request, and no English.
var literal = regexp.MustCompile(`^(.*[$*_{}\[\]=~].*|.*[a-z]:/.*|/.*|[a-z]+[.:][a-zA-Z].*|[0-9]+([KMG]iB|m?s|[mhd])|[0-9.]+:[0-9]{4}|[a-z]+-[a-z0-9]+-[a-z0-9-]+)$`)

// code marks the words of a comment that are code, words among them, and leaves marked ones.
func code(comment string, words []string) string {
	out := strings.Split(strings.ReplaceAll(comment, "|", `\|`), " ")
	inside := false
	for i, w := range out {
		marks := strings.Count(w, "`")
		if inside || marks > 0 {
			inside = inside != (marks%2 == 1)
			continue
		}
		bare := strings.TrimSuffix(strings.TrimRight(strings.TrimLeft(w, "("), ",.;:)"), "'s")
		if strings.Contains(bare, "(") {
			continue
		}
		if bare != "" && (slices.Contains(words, bare) || literal.MatchString(bare)) {
			out[i] = strings.Replace(w, bare, "`"+bare+"`", 1)
		}
	}
	return strings.Join(out, " ")
}
