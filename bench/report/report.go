// Package report writes the results of the bench: Markdown, plots, and one HTML
// page that contains everything.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/sealmesh/sealmesh/bench/stats"
)

// A Report is the result of one run.
type Report struct {
	Title    string
	Facts    []Fact // machine, versions, seeds
	Figures  []Figure
	Sections []Section
}

// A Fact is a line of the heading.
type Fact struct{ Name, Value string }

// A Section is one comparison.
type Section struct {
	Title, Text string
	Tables      []Table
	Plots       []Plot
}

// A Table has a row per contestant. The first column is its name.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]string
}

// A Figure is a target and its measurement.
type Figure struct {
	What     string
	AtLeast  bool // else at most
	Target   float64
	Measured stats.Spread
	Unit     string
}

// Reached reports whether the median meets the target.
func (f Figure) Reached() bool {
	if !f.Measured.Valid() {
		return false
	}
	if f.AtLeast {
		return f.Measured.Median >= f.Target
	}
	return f.Measured.Median <= f.Target
}

// Verdict says whether the target was reached, or by how much it was missed.
func (f Figure) Verdict() string {
	switch {
	case !f.Measured.Valid():
		return "not measured"
	case f.Reached():
		return "reached"
	case f.Target == 0:
		return fmt.Sprintf("missed by %s", stats.Number(f.Measured.Median))
	default:
		return fmt.Sprintf("missed by %.0f %%", 100*max(f.Target-f.Measured.Median, f.Measured.Median-f.Target)/f.Target)
	}
}

// Goal is the target as text.
func (f Figure) Goal() string {
	if f.AtLeast {
		return "≥ " + stats.Number(f.Target) + f.Unit
	}
	return "≤ " + stats.Number(f.Target) + f.Unit
}

// figures is the table of targets.
func (r *Report) figures() Table {
	t := Table{Columns: []string{"figure", "target", "measured [middle half of rounds]", "rounds", "verdict"}}
	for _, f := range r.Figures {
		t.Rows = append(t.Rows, []string{f.What, f.Goal(), f.Measured.String() + f.Unit, fmt.Sprint(f.Measured.N), f.Verdict()})
	}
	return t
}

// Markdown writes the tables.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", r.Title)
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "- %s: %s\n", f.Name, f.Value)
	}
	if len(r.Figures) > 0 {
		b.WriteString("\n## Targets\n")
		r.figures().markdown(&b)
	}
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.Title, s.Text)
		for _, t := range s.Tables {
			t.markdown(&b)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t Table) markdown(b *strings.Builder) {
	if t.Title != "" {
		fmt.Fprintf(b, "\n**%s**\n", t.Title)
	}
	row := func(cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	b.WriteString("\n")
	row(t.Columns)
	rule := make([]string, len(t.Columns))
	for i := range rule {
		rule[i] = "---:"
	}
	rule[0] = "---"
	row(rule)
	for _, r := range t.Rows {
		row(r)
	}
}
