package report

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/bench/stats"
)

func TestVerdicts(t *testing.T) {
	of := func(v float64) stats.Spread { return stats.Spread{Low: v, Median: v, High: v, N: 3} }
	for _, c := range []struct {
		f    Figure
		want string
	}{
		{Figure{AtLeast: true, Target: 5, Measured: of(5)}, "reached"},
		{Figure{AtLeast: true, Target: 5, Measured: of(4)}, "missed by 20 %"},
		{Figure{Target: 0.8, Measured: of(0.8)}, "reached"},
		{Figure{Target: 0.8, Measured: of(1)}, "missed by 25 %"},
		{Figure{Target: 1}, "not measured"},
		{Figure{AtLeast: true, Target: 1, Measured: of(math.Inf(1))}, "not measured"},
	} {
		if got := c.f.Verdict(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.f, got, c.want)
		}
	}
}

func TestPlotsAreXML(t *testing.T) {
	for _, p := range []Plot{
		{Title: `a < b & "c"`, LogX: true, LogY: true, Lines: []Line{{"x<y", []Point{{1, 2, 1, 3}, {10, math.NaN(), 0, 0}, {100, 5, 5, 5}}}}},
		{Lines: []Line{{Name: "empty"}}},
		{Lines: []Line{{"flat", []Point{{1, 0, 0, 0}}}}},
		{Title: "bars", Parts: []string{"a&b", "c"}, Bars: []Bar{{"x", []float64{1, 2}}, {"<y>", []float64{0, 0}}}},
	} {
		svg := p.SVG()
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%q: a point that is no number is drawn", p.Title)
		}
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%q: %v\n%s", p.Title, err, svg)
			}
		}
	}
}

func TestAxis(t *testing.T) {
	a := newAxis([]float64{1, 10, 100}, 0, 200, true)
	if a.at(10) != 100 || a.at(0) != 0 {
		t.Errorf("logarithmic: 10 at %v, 0 at %v", a.at(10), a.at(0))
	}
	b := newAxis([]float64{50, 100}, 100, 0, false)
	if b.at(0) != 100 || b.at(105) != 0 {
		t.Errorf("linear axes begin at 0: %v, %v", b.at(0), b.at(105))
	}
}

func TestMarkdownAndHTML(t *testing.T) {
	r := &Report{Title: "t", Facts: []Fact{{"machine", "<one>"}}, Figures: []Figure{{What: "f", Target: 1}},
		Sections: []Section{{Title: "s", Tables: []Table{{Columns: []string{"a", "b"}, Rows: [][]string{{"1", "2"}}}}, Plots: []Plot{{Title: "p", Lines: []Line{{"l", []Point{{1, 1, 1, 1}}}}}}}}}
	var md, page strings.Builder
	if err := r.Markdown(&md); err != nil || !strings.Contains(md.String(), "| 1 | 2 |") {
		t.Errorf("%v\n%s", err, md.String())
	}
	if err := r.HTML(&page); err != nil || !strings.Contains(page.String(), "&lt;one&gt;") || !strings.Contains(page.String(), "<svg") {
		t.Errorf("%v\n%s", err, page.String())
	}
	if strings.Contains(page.String(), "http://") && strings.Count(page.String(), "http://") != strings.Count(page.String(), "http://www.w3.org/2000/svg") {
		t.Error("the page refers to something outside")
	}
}
