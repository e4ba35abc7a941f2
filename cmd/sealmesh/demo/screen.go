package demo

import (
	"fmt"
	"io"
)

// A screen prints for a person.
type screen struct {
	out    io.Writer
	colour bool
}

func (s screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s screen) line(text string) { fmt.Fprintln(s.out, "  "+text) }

func (s screen) act(title string) { fmt.Fprintf(s.out, "\n%s\n", s.paint("1", title)) }

func (s screen) verified(what string) {
	fmt.Fprintf(s.out, "  %s %s\n", s.paint("32", "verified:"), what)
}

func (t *tour) intro() {
	by := "Envoy: " + t.opt.Envoy
	if t.opt.Envoy == "" {
		by = "Envoy: none found; a stand-in written in Go takes its place."
	}
	fmt.Fprintf(t.out, `
  client ──▶ Envoy ──▶ legacy service (Python, SQLite)
               │
               └──▶ sealmesh (seals requests, opens responses)

  %s
`, by)
}

// spans prints key uses as a table.
func (s screen) spans(uses []map[string]string) {
	columns := []string{"operation", "route", "direction", "format", "key.name", "tags", "fields", "bytes", "cache", "outcome"}
	const format = "%-10s%-17s%-11s%-11s%-11s%-6s%-8s%-7s%-7s%s"
	row := func(get func(string) string) string {
		cells := make([]any, len(columns))
		for i, c := range columns {
			cells[i] = get(c)
		}
		return fmt.Sprintf(format, cells...)
	}
	s.line(s.paint("2", row(func(c string) string { return c })))
	for _, u := range uses {
		s.line(row(func(c string) string { return u[c] }))
	}
}

func (t *tour) done() {
	fmt.Fprintf(t.out, "\n%s\n", t.paint("1;32", "Everything was verified."))
}

// kept prints commands to continue by hand.
func (t *tour) kept() {
	fmt.Fprintf(t.out, `
Everything keeps running until you press Ctrl-C. Try:

  curl -s %[1]s/customers -H 'content-type: application/json' -d '{"name":"Grace","ssn":"123-45-6789","income":1e5,"contacts":[]}'
  curl -s %[1]s/customers/5            # as a client sees it
  curl -s %[2]s/customers/5            # as the legacy service has it
  curl -s --unix-socket %[3]s http://admin/metrics | grep sealmesh_
  cat %[4]s
`, t.edge, t.direct, t.path("admin.sock"), t.path("policy.yaml"))
}
