package deploy

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A family is a metric as cmd/sealmesh declares it.
type family struct {
	kind   string // counter or gauge
	labels []string
}

// metrics reads the declarations: calls of counter and gauge with a name, a
// help text and labels.
func metrics(t *testing.T) map[string]family {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../cmd/sealmesh/serve/admin/metrics.go", nil, 0)
	must(t, err)
	all := make(map[string]family)
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		fn, ok := call.Fun.(*ast.Ident)
		if !ok || fn.Name != "counter" && fn.Name != "gauge" {
			return true
		}
		var args []string
		for _, a := range call.Args {
			lit, ok := a.(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s is called with what is no literal", fn.Name)
			}
			s, err := strconv.Unquote(lit.Value)
			must(t, err)
			args = append(args, s)
		}
		all["sealmesh_"+args[0]] = family{fn.Name, args[2:]}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("metrics.go declares %d metrics", len(all))
	}
	return all
}

var (
	targetLabels = []string{"namespace", "pod", "instance"} // of what Prometheus scrapes
	selection    = regexp.MustCompile(`(\w+\()?\b(sealmesh_\w+)(\{[^}]*\})?`)
	matcher      = regexp.MustCompile(`(\w+)(=~|!=|=)"([^"]*)"`)
	grouping     = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// query checks an expression: metrics and labels that exist, values that some
// source file writes, counters only as rates. It returns the metrics and the
// labels that the result has.
func query(t *testing.T, expr string) (names, labels []string) {
	t.Helper()
	all := metrics(t)
	if !balanced(expr) {
		t.Errorf("%s: brackets", expr)
	}
	usable := slices.Clone(targetLabels)
	for _, m := range selection.FindAllStringSubmatch(expr, -1) {
		f, ok := all[m[2]]
		if !ok {
			t.Errorf("%s: no metric %s", expr, m[2])
		}
		names = append(names, m[2])
		usable = append(usable, f.labels...)
		if rated := m[1] == "rate(" || m[1] == "increase("; rated != (f.kind == "counter") {
			t.Errorf("%s: %s is a %s", expr, m[2], f.kind)
		}
		for _, l := range matcher.FindAllStringSubmatch(m[3], -1) {
			if !slices.Contains(f.labels, l[1]) && !slices.Contains(targetLabels, l[1]) {
				t.Errorf("%s: %s has no label %s", expr, m[2], l[1])
			}
			if slices.Contains(f.labels, l[1]) {
				written(t, l[3])
			}
		}
	}
	if len(names) == 0 {
		t.Errorf("%s: no metric", expr)
	}
	labels = usable
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		labels = strings.Split(g[1], ", ")
		for _, l := range labels {
			if !slices.Contains(usable, l) {
				t.Errorf("%s: by %s, which nothing has", expr, l)
			}
		}
	}
	return names, labels
}

// written looks that each alternative of a matcher is a word of the code that
// fills the label.
func written(t *testing.T, values string) {
	t.Helper()
	var code strings.Builder
	for _, name := range []string{"../proxy/refuse.go", "../codec/errors.go", "../hsm/errors.go", "../keycache/calls/calls.go", "../keycache/datakeys/stats.go", "../keycache/stats.go", "../cmd/sealmesh/serve/admin/metrics.go"} {
		code.WriteString(read(t, name))
	}
	for v := range strings.SplitSeq(values, "|") {
		if !strings.Contains(code.String(), strconv.Quote(v)) {
			t.Errorf("no label ever has the value %q", v)
		}
	}
}

func balanced(expr string) bool {
	var open []rune
	closing := map[rune]rune{')': '(', '}': '{', ']': '['}
	for _, c := range expr {
		switch c {
		case '(', '{', '[':
			open = append(open, c)
		case ')', '}', ']':
			if len(open) == 0 || open[len(open)-1] != closing[c] {
				return false
			}
			open = open[:len(open)-1]
		}
	}
	return len(open) == 0
}

var mentioned = regexp.MustCompile(`\{\{ ?\$?(?:labels\.)?(\w+) ?\}\}`)

func TestAlerts(t *testing.T) {
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	decode(t, read(t, "prometheus/rules.yaml"), &file)
	var watched, alerts []string
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			names, labels := query(t, r.Expr)
			watched, alerts = append(watched, names...), append(alerts, r.Alert)
			if s := r.Labels["severity"]; s != "critical" && s != "warning" && s != "info" {
				t.Errorf("%s: severity %q", r.Alert, s)
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s does not say what to do", r.Alert)
			}
			for _, m := range mentioned.FindAllStringSubmatch(r.Annotations["summary"]+r.Annotations["description"], -1) {
				if !slices.Contains(labels, m[1]) {
					t.Errorf("%s: its summary names %s, which the result has not", r.Alert, m[1])
				}
			}
		}
	}
	if slices.Sort(alerts); len(slices.Compact(alerts)) != len(alerts) {
		t.Errorf("an alert twice: %q", alerts)
	}
	for _, name := range []string{
		"refused_total", "plaintext_passed_total", "audit_spans_dropped_total", "audit_collector_down", "audit_pending_bytes",
		"audit_spool_failing", "audit_damaged_bytes",
		"kms_requests_total", "data_key_cache_stale_total", "data_key_degraded_total", "config_last_reload_successful",
		"data_key_cache_misses_total", "kek_requirement_violations", "keks_unavailable", "store_inlined_total", "store_unavailable",
	} {
		if !slices.Contains(watched, "sealmesh_"+name) {
			t.Errorf("no alert watches sealmesh_%s", name)
		}
	}
}

// The dashboard shows every metric there is.
func TestDashboard(t *testing.T) {
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ RefID, Expr, LegendFormat string }
		}
		Templating struct {
			List []struct{ Name string }
		}
	}
	must(t, json.Unmarshal([]byte(read(t, "grafana/dashboard.json")), &board))
	missing := metrics(t)
	ids := make(map[int]bool)
	for _, p := range board.Panels {
		if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			expr := strings.ReplaceAll(target.Expr, "[$__rate_interval]", "[5m]")
			names, labels := query(t, expr)
			for _, name := range names {
				delete(missing, name)
			}
			for _, m := range mentioned.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !slices.Contains(labels, m[1]) {
					t.Errorf("%s: its legend names %s, which the result has not", p.Title, m[1])
				}
			}
			for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(expr, -1) {
				if !strings.Contains("namespace pod", v[1]) {
					t.Errorf("%s: no variable %s", p.Title, v[1])
				}
			}
		}
	}
	delete(missing, "sealmesh_config_last_reload_success_timestamp_seconds")
	for name := range missing {
		t.Errorf("no panel shows %s", name)
	}
}
