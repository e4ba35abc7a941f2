package report

import (
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/sealmesh/sealmesh/bench/stats"
)

// A Plot is lines over a numeric axis, or, when Stacked, one bar of stacked
// parts per label.
type Plot struct {
	Title, X, Y  string
	LogX, LogY   bool
	Lines        []Line
	Bars         []Bar // with the names of their parts in Parts
	Parts        []string
	Name         string // of the file, without .svg
	XTick, YTick func(float64) string
}

// A Line is one contestant's points, in order of x.
type Line struct {
	Name   string
	Points []Point
}

// A Point has a spread in y; Low and High may equal Y.
type Point struct{ X, Y, Low, High float64 }

// A Bar is one contestant's parts, from below.
type Bar struct {
	Name  string
	Parts []float64
}

// colours are told apart also by those who do not see red and green apart (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b8a900"}

const (
	width, height            = 620.0, 360.0
	left, right, top, bottom = 70.0, 20.0, 44.0, 52.0
	legendLine               = 17.0
)

// canvas is an SVG under way.
type canvas struct{ strings.Builder }

func (c *canvas) text(x, y float64, anchor, class, s string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`, x, y, anchor, class, html.EscapeString(s))
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>`, x1, y1, x2, y2, class)
}

// SVG draws the plot. It stands alone, and follows the reader's dark or light scheme.
func (p Plot) SVG() string {
	if len(p.Bars) > 0 {
		return p.bars()
	}
	return p.lines()
}

func (c *canvas) open(w, h float64, title string) {
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, w, h, w, h, html.EscapeString(title))
	c.WriteString(`<style>text{font:12px system-ui,sans-serif;fill:#475467}.t{font-weight:600;font-size:14px;fill:#1d2430}.g{stroke:#98a2b333}.a{stroke:#98a2b3}` +
		`@media(prefers-color-scheme:dark){text{fill:#98a2b3}.t{fill:#e6e9ef}}</style>`)
	c.text(12, 20, "start", "t", title)
}

// An axis maps values to a range of pixels.
type axis struct {
	lo, hi, from, to float64
	log              bool
}

func (a axis) at(v float64) float64 {
	lo, hi := a.lo, a.hi
	if a.log {
		lo, hi, v = math.Log(lo), math.Log(hi), math.Log(max(v, a.lo))
	}
	return a.from + (v-lo)/(hi-lo)*(a.to-a.from)
}

// newAxis fits an axis to values. One that is not logarithmic begins at 0.
func newAxis(values []float64, from, to float64, log bool) axis {
	a := axis{lo: math.Inf(1), hi: math.Inf(-1), from: from, to: to, log: log}
	for _, v := range values {
		if log && v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		a.lo, a.hi = min(a.lo, v), max(a.hi, v)
	}
	if math.IsInf(a.lo, 0) {
		a.lo, a.hi = 1, 2
	}
	if !log {
		a.lo, a.hi = min(0, a.lo), a.hi*1.05
	}
	if a.hi <= a.lo {
		a.hi = a.lo + max(1, math.Abs(a.lo))
	}
	return a
}

// ticks gives round values along the axis.
func (a axis) ticks() (out []float64) {
	if a.log {
		for e := math.Floor(math.Log10(a.lo)); e <= math.Ceil(math.Log10(a.hi)); e++ {
			if v := math.Pow(10, e); v >= a.lo*0.999 && v <= a.hi*1.001 {
				out = append(out, v)
			}
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10((a.hi-a.lo)/4)))
	for _, m := range []float64{5, 2} {
		if (a.hi-a.lo)/(step*m) >= 4 {
			step *= m
			break
		}
	}
	for v := math.Ceil(a.lo/step) * step; v <= a.hi; v += step {
		out = append(out, v)
	}
	return out
}

func (p Plot) lines() string {
	var xs, ys []float64
	for _, l := range p.Lines {
		for _, pt := range l.Points {
			xs, ys = append(xs, pt.X), append(ys, pt.Y, pt.High)
		}
	}
	x := newAxis(xs, left, width-right, p.LogX)
	y := newAxis(ys, height-bottom, top, p.LogY)
	h := height + legendLine*math.Ceil(float64(len(p.Lines))/2)
	var c canvas
	c.open(width, h, p.Title)
	for _, v := range y.ticks() {
		c.line(left, y.at(v), width-right, y.at(v), "g")
		c.text(left-6, y.at(v)+4, "end", "", tick(p.YTick, v))
	}
	marks := x.ticks()
	if p.XTick != nil || len(marks) < 2 {
		marks = distinct(xs) // those that were measured
	}
	for _, v := range marks {
		c.line(x.at(v), height-bottom, x.at(v), height-bottom+4, "a")
		c.text(x.at(v), height-bottom+18, "middle", "", tick(p.XTick, v))
	}
	c.line(left, height-bottom, width-right, height-bottom, "a")
	c.text((left+width-right)/2, height-bottom+38, "middle", "", p.X)
	c.text(left, top-8, "start", "", p.Y)
	for i, l := range p.Lines {
		c.series(l, x, y, colours[i%len(colours)])
		c.legend(i, l.Name, height)
	}
	c.WriteString("</svg>")
	return c.String()
}

func (c *canvas) series(l Line, x, y axis, colour string) {
	var path strings.Builder
	for _, p := range l.Points {
		if !math.IsNaN(p.Y) {
			fmt.Fprintf(&path, "%.1f,%.1f ", x.at(p.X), y.at(p.Y))
		}
	}
	fmt.Fprintf(c, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`, path.String(), colour)
	if len(l.Points) > 60 {
		return
	}
	for _, p := range l.Points {
		if math.IsNaN(p.Y) {
			continue
		}
		if p.High > p.Low {
			fmt.Fprintf(c, `<line x1="%[1]f" y1="%.1[2]f" x2="%[1]f" y2="%.1[3]f" stroke="%[4]s"/>`, x.at(p.X), y.at(p.Low), y.at(p.High), colour)
		}
		fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s: %s</title></circle>`, x.at(p.X), y.at(p.Y), colour, html.EscapeString(l.Name), stats.Number(p.Y))
	}
}

func (c *canvas) legend(i int, name string, y float64) {
	x := left + float64(i%2)*(width-left)/2
	y += 4 + legendLine*float64(i/2)
	fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="12" height="12" rx="2" fill="%s"/>`, x, y-10, colours[i%len(colours)])
	c.text(x+18, y, "start", "", name)
}

func tick(f func(float64) string, v float64) string {
	if f != nil {
		return f(v)
	}
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%.4g", v)
}

func distinct(xs []float64) (out []float64) {
	seen := map[float64]bool{}
	for _, v := range xs {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// bars draws horizontal bars of stacked parts.
func (p Plot) bars() string {
	const name, row = 210.0, 26.0
	sums := make([]float64, 0, len(p.Bars))
	for _, b := range p.Bars {
		sum := 0.0
		for _, v := range b.Parts {
			sum += v
		}
		sums = append(sums, sum)
	}
	end := top + row*float64(len(p.Bars))
	x := newAxis(sums, name, width-60, false)
	var c canvas
	c.open(width, end+30+legendLine*math.Ceil(float64(len(p.Parts))/2+0.5), p.Title)
	for i, b := range p.Bars {
		y := top + row*float64(i)
		c.text(name-8, y+15, "end", "", b.Name)
		at := 0.0
		for j, v := range b.Parts {
			fmt.Fprintf(&c, `<rect x="%.1f" y="%.1f" width="%.1f" height="18" fill="%s"><title>%s: %s</title></rect>`,
				x.at(at), y+2, x.at(at+v)-x.at(at), colours[j%len(colours)], html.EscapeString(p.Parts[j]), stats.Number(v))
			at += v
		}
		c.text(x.at(at)+5, y+15, "start", "", stats.Number(at))
	}
	c.text(name, end+16, "start", "", p.Y)
	for i, part := range p.Parts {
		c.legend(i, part, end+38)
	}
	c.WriteString("</svg>")
	return c.String()
}
