package report

import (
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Plot is one picture: lines over a numeric axis or, if Bars is set,
// horizontal bars of stacked parts.
type Plot struct {
	Name  string // of the file, without .svg
	Title string
	X, Y  Axis
	Lines []Line
	Bars  []Bar
	Parts []string // names of the parts of every bar
}

// An Axis describes how values become positions.
type Axis struct {
	Label string
	Log   bool   // logarithmic; values of 0 and less are not drawn
	Ticks []Tick // nil: round numbers
}

// A Tick is a labelled value of an axis.
type Tick struct {
	Value float64
	Label string
}

// A Line is the points of one contestant, in order of X.
type Line struct {
	Name   string
	Points []Point
}

// A Point has an error range from Low to High. Both equal Y if there was one
// run only.
type Point struct{ X, Y, Low, High float64 }

// A Bar is the parts of one contestant, stacked from the left. Low and High
// are the error range of their sum.
type Bar struct {
	Name      string
	Parts     []float64
	Low, High float64
}

// Sizes in points of 1/72 inch.
const (
	width      = 500
	plotHeight = 270
	barHeight  = 19
	margin     = 10
	textSize   = 9.5
	legendLine = 15
)

// SVG draws the plot as a document that needs nothing else. Its colours follow
// the dark or light scheme of the reader.
func (p Plot) SVG() (string, error) {
	chart := newChart(p)
	height, drawn, names := vg.Length(plotHeight), lines, len(p.Lines)
	if len(p.Bars) > 0 {
		height, drawn, names = vg.Length(len(p.Bars)*barHeight+70), bars, len(p.Parts)
	}
	key := newKey(names)
	if err := drawn(chart, p, key); err != nil {
		return "", err
	}
	below := legendLine * vg.Length(len(key)) / 2
	svg := vgsvg.New(width, height+below+2*margin)
	page := draw.New(svg)
	page.SetColor(paper)
	page.Fill(page.Rectangle.Path())
	chart.Draw(draw.Crop(page, margin, -margin, below+1.5*margin, -margin))
	unit := chart.X.Label.TextStyle
	unit.XAlign = draw.XLeft
	page.FillText(unit, vg.Point{X: margin, Y: page.Max.Y - margin - 2*legendLine}, p.Y.Label)
	key.draw(draw.Crop(page, 2*margin, -margin, margin, below+margin-page.Max.Y))
	var out strings.Builder
	if _, err := svg.WriteTo(&out); err != nil {
		return "", err
	}
	return themed(out.String(), p.Title), nil
}

// newChart returns an empty chart with axes as p describes them.
func newChart(p Plot) *plot.Plot {
	c := plot.New()
	c.BackgroundColor = nil // SVG fills the page
	c.Title.Text, c.Title.Padding = p.Title, 10
	style(&c.Title.TextStyle, ink, 11)
	c.Title.TextStyle.Font.Weight = bold
	c.X.Label.Text = p.X.Label
	if p.Y.Label != "" {
		c.Title.Padding += legendLine // SVG writes the label of Y above the axis
	}
	for _, a := range []struct {
		*plot.Axis
		of Axis
	}{{&c.X, p.X}, {&c.Y, p.Y}} {
		a.Label.Padding = 5
		style(&a.Label.TextStyle, dim, textSize)
		style(&a.Tick.Label, dim, textSize)
		a.Padding = 0
		a.LineStyle.Color, a.Tick.LineStyle.Color = rule, rule
		a.Tick.Marker = plot.TickerFunc(linearTicks)
		if a.of.Log {
			a.Scale, a.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
		}
		if len(a.of.Ticks) > 0 {
			a.Tick.Marker = constantTicks(a.of.Ticks)
		}
	}
	return c
}

func style(s *text.Style, c color.Color, size font.Length) {
	s.Color, s.Font = c, sans
	s.Font.Size = size
}

func grid() *plotter.Grid {
	line := draw.LineStyle{Color: faint, Width: 0.5}
	return &plotter.Grid{Vertical: line, Horizontal: line}
}
