package docs

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// code is all Go code of a folder that is no test.
func code(t *testing.T, folder string) string {
	t.Helper()
	return source(t, folder, func(name string) bool { return !strings.HasSuffix(name, "_test.go") })
}

// source is the Go files of a folder whose name is wanted.
func source(t *testing.T, folder string, wanted func(name string) bool) string {
	t.Helper()
	var all strings.Builder
	must(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") && wanted(path) {
			b, err := os.ReadFile(path)
			must(t, err)
			all.Write(b)
		}
		return err
	}))
	return all.String()
}

// found returns the first group of every match.
func found(pattern, text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all[m[1]] = true
	}
	return all
}

// mentioned calls f for each match, except in the CHANGELOG, which names old
// things.
func mentioned(t *testing.T, pattern string, f func(p page, l line, name string)) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for _, p := range pages(t) {
		for _, l := range p.lines {
			for _, m := range re.FindAllStringSubmatch(l.text, -1) {
				if p.path != "CHANGELOG.md" {
					f(p, l, m[1])
				}
			}
		}
	}
}

// Every metric that a page names is declared, by its name without the prefix.
func TestMetricsExist(t *testing.T) {
	metrics := found(`\b(?:counter|gauge)\("(\w+)"`, code(t, "cmd"))
	if len(metrics) < 20 {
		t.Fatalf("the code declares %d metrics", len(metrics))
	}
	mentioned(t, `\bsealmesh_([a-z]\w+)`, func(p page, l line, name string) {
		if !metrics[name] {
			t.Errorf("%s:%d: no metric sealmesh_%s", p.path, l.number, name)
		}
	})
}

// Every attribute of a key-use span that a page names is in the code.
func TestAttributesExist(t *testing.T) {
	attributes := found(`"(sealmesh\.[a-z_.]+)"`, code(t, "keycache")+code(t, "proxy")+code(t, "cmd"))
	mentioned(t, "`(sealmesh\\.[a-z_.]+)`", func(p page, l line, name string) {
		if !attributes[name] && !strings.HasSuffix(name, ".json") {
			t.Errorf("%s:%d: no attribute %s", p.path, l.number, name)
		}
	})
}

// Every alert that a page names is in the rules.
func TestAlertsExist(t *testing.T) {
	alerts := found(`alert: (\w+)`, read(t, "deploy/prometheus/rules.yaml"))
	mentioned(t, `\b(Sealmesh[A-Z]\w+)`, func(p page, l line, name string) {
		if !alerts[name] {
			t.Errorf("%s:%d: no alert %s", p.path, l.number, name)
		}
	})
}

// Every refusal code has the shape of one and is in the table, which a test of
// proxy holds against the code.
func TestRefusalsExist(t *testing.T) {
	codes := found("`([a-z_]+)`", read(t, "docs/refusals.md"))
	reasons := found(`"([a-z_]+)"`, code(t, "keycache")) // of errors in logs and spans
	ofPolicies := keys(t)
	mentioned(t, "`((?:body|value|envelope|path|route|key|audit|policy|mode|type|encoding|patch|partial|upgrade|trailers|caller|root|name|suite|protocol|too)_[a-z_]+)`",
		func(p page, l line, name string) {
			ofEnvoy := name == "route_cache_action" // a setting of its ext_proc filter
			if !codes[name] && !reasons[name] && !ofPolicies[name] && !ofEnvoy {
				t.Errorf("%s:%d: nothing is refused with %s", p.path, l.number, name)
			}
		})
}

// keys returns every key of a policy file, from its JSON Schema.
func keys(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		if o, ok := v.(map[string]any); ok {
			if props, ok := o["properties"].(map[string]any); ok {
				for name := range props {
					all[name] = true
				}
			}
			for _, child := range o {
				walk(child)
			}
		}
	}
	var schema any
	must(t, json.Unmarshal([]byte(read(t, "proxy/policy/schema.json")), &schema))
	walk(schema)
	return all
}

// Every path into a policy is made of its keys.
func TestPolicyKeysExist(t *testing.T) {
	all := keys(t)
	mentioned(t, "`((?:limits|audit|cache|rotate|tls|keys|tags|routes|require|match)\\.[a-zA-Z_.]+)`", func(p page, l line, name string) {
		for part := range strings.SplitSeq(name, ".") {
			if part != "NAME" && !all[part] {
				t.Errorf("%s:%d: a policy has no %s", p.path, l.number, name)
			}
		}
	})
}

// elsewhere are flags of other programs.
var elsewhere = map[string]bool{"target": true, "concurrency": true, "use-dynamic-base-id": true, "profile": true, "include": true, "version": true, "now": true}

// Every flag that a page names is one of some command's.
func TestFlagsExist(t *testing.T) {
	flags := found(`\.(?:String|Bool|Duration|Int)\w*\((?:&?[\w.]+, )?"([a-z0-9-]+)"`, code(t, "cmd"))
	for _, name := range []string{"help", "config"} {
		flags[name] = true
	}
	if len(flags) < 30 {
		t.Fatalf("the code declares %d flags", len(flags))
	}
	mentioned(t, "[` ]--([a-z][a-z0-9-]+)", func(p page, l line, name string) {
		if !flags[name] && !elsewhere[name] {
			t.Errorf("%s:%d: no command has --%s", p.path, l.number, name)
		}
	})
}

// Every variable of sealmesh's own that a page names is read by something.
func TestVariablesExist(t *testing.T) {
	text := read(t, "Makefile") + read(t, "deploy/policy.yaml") + source(t, "", func(string) bool { return true })
	mentioned(t, `\b(SEALMESH_[A-Z_0-9]+)`, func(p page, l line, name string) {
		if !strings.Contains(text, name) {
			t.Errorf("%s:%d: nothing reads %s", p.path, l.number, name)
		}
	})
}
