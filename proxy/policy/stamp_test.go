package policy

import (
	"os"
	"strings"
	"testing"
)

const stampedPolicy = `version: 1
keys: {k: {kek: "local:kek"}}
tags: {p: {key: k}, q: {key: k}}
routes:
  - {name: health, match: {path: /healthz}, skip: true}
  - {name: a, match: {hosts: [a.example], methods: [POST], path: "/a/{id}"}, request: {seal: {$.x: p}}}
  - {name: rest, match: {path: /**}, skip: true}
`

func stamped(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := Load("p", []byte(text), os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The stamp is of what Envoy has to know, and of nothing else.
func TestStamp(t *testing.T) {
	was := stamped(t, stampedPolicy).Stamp()
	if !IsStamp(was) || IsStamp("sealmesh") || IsStamp("") {
		t.Error(was)
	}
	for name, c := range map[string]struct {
		old, new string
		same     bool
	}{
		"a rule":      {"$.x: p", "$.x: q, $.y: p", true},
		"a name":      {"name: a,", "name: b,", true},
		"a limit":     {"version: 1\n", "version: 1\nlimits: {depth: 9}\n", true},
		"a host":      {"a.example", "b.example", false},
		"a method":    {"POST", "PUT", false},
		"a path":      {"/a/{id}", "/a/{id}/b", false},
		"its case":    {"path: \"/a/{id}\"", "path: \"/a/{id}\", ignore_case: false", false},
		"a mode":      {"{$.x: p}}", "{$.x: p}, body: streamed}", false},
		"a direction": {"request: {seal: {$.x: p}}", "response: {seal: {$.x: p}}", false},
		"a skip":      {"path: /**}, skip: true", "path: /**}, request: {seal: {$.x: p}}", false},
		"unmatched":   {"version: 1\n", "version: 1\nunmatched: pass\n", false},
	} {
		text := strings.Replace(stampedPolicy, c.old, c.new, 1)
		if text == stampedPolicy {
			t.Fatalf("%s: nothing changed", name)
		}
		if now := stamped(t, text).Stamp(); (now == was) != c.same {
			t.Errorf("%s: the same stamp: %t", name, now == was)
		}
	}
}

// Rules are noticed that take what was left out, and nothing else is.
func TestLeftOut(t *testing.T) {
	old := stamped(t, stampedPolicy)
	const rules = ", request: {seal: {$.x: p}}}\n"
	for name, c := range map[string]struct{ old, new, want string }{
		"nothing":           {"", "", ""},
		"another rule":      {"$.x: p", "$.x: q", ""},
		"a skip less":       {"match: {path: /healthz}, skip: true}", "match: {path: /healthz}" + rules, "route health (was skipped by route health)"},
		"within a skip":     {"  - {name: rest", "  - {name: b, match: {path: /b/c}" + rules + "  - {name: rest", "route b (was skipped by route rest)"},
		"before a skip":     {"  - {name: health", "  - {name: all, match: {path: /**}" + rules + "  - {name: health", "route all (was skipped by route health)"},
		"another method":    {"[POST]", "[PUT]", "route a (was skipped by route rest)"},
		"another host":      {"[a.example]", `["*.example"]`, "route a (was skipped by route rest)"},
		"behind what skips": {"  - {name: rest", "  - {name: h, match: {path: /healthz}, skip: true}\n  - {name: rest", ""},
	} {
		text := strings.Replace(stampedPolicy, c.old, c.new, 1)
		if got := strings.Join(stamped(t, text).LeftOut(old), ", "); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
	passing := stamped(t, "version: 1\nunmatched: pass\n"+strings.TrimPrefix(strings.Replace(stampedPolicy, "  - {name: rest, match: {path: /**}, skip: true}\n", "", 1), "version: 1\n"))
	text := strings.Replace(stampedPolicy, "path: /**}, skip: true}", "path: /z}"+strings.TrimSuffix(rules, "\n"), 1)
	if got := stamped(t, text).LeftOut(passing); len(got) != 1 || got[0] != "route rest (was passed as unmatched)" {
		t.Errorf("%q", got)
	}
}
