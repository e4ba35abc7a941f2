package report

import (
	"encoding/xml"
	"io"
	"math"
	"regexp"
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

var log = Axis{Log: true}

// Every plot is XML with nothing but numbers in it, whatever the names and
// values are.
func TestPlotsAreXML(t *testing.T) {
	for _, p := range []Plot{
		{Title: `a < b & "c"`, X: log, Y: log, Lines: []Line{{"x<y", []Point{{1, 2, 1, 3}, {10, math.NaN(), 0, 0}, {100, 5, 0, 5}, {0, 1, 1, 1}}}}},
		{Lines: []Line{{Name: "empty"}}},
		{X: log, Y: log, Lines: []Line{{Name: "empty"}}},
		{Lines: []Line{{"flat", []Point{{1, 0, 0, 0}}}}},
		{X: log, Y: log, Lines: []Line{{"one", []Point{{1, 3, 3, 3}}}}},
		{Title: "bars", Parts: []string{"a&b", "c"}, Bars: []Bar{{"x", []float64{1, 2}, 2, 4}, {"<y>", []float64{0, 0}, 0, 0}}},
	} {
		svg, err := p.SVG()
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
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

// Labels at the left have the room that they need.
func TestLongNamesFit(t *testing.T) {
	name := strings.Repeat("a long name ", 4)
	svg, err := Plot{Parts: []string{"p"}, Bars: []Bar{{name, []float64{1}, 1, 1}}}.SVG()
	if err != nil {
		t.Fatal(err)
	}
	at := regexp.MustCompile(`<text [^>]*\bx="([-0-9.]+)"[^>]*>` + name).FindStringSubmatch(svg)
	if at == nil || strings.HasPrefix(at[1], "-") {
		t.Errorf("the name begins at %v\n%s", at, svg)
	}
}

func TestLogTicks(t *testing.T) {
	var got []string
	for _, tick := range logTicks(0.3, 40) {
		got = append(got, tick.Label)
	}
	if want := "0.5 1 2 5 10 20"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
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
	names := strings.NewReplacer("http://www.w3.org/2000/svg", "", "http://www.w3.org/1999/xlink", "") // of XML
	if strings.Contains(names.Replace(page.String()), "http") {
		t.Error("the page refers to something outside")
	}
}
