package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// maxMarked is the largest number of points that are marked one by one.
const maxMarked = 60

// lines draws the lines of p with their points and error ranges.
func lines(c *plot.Plot, p Plot, key key) error {
	c.Add(grid())
	n := 0
	for i, l := range p.Lines {
		points := drawable(l.Points, p)
		n += len(points)
		points.shift(i, len(p.Lines), p.X)
		if err := line(c, p, i, points, key); err != nil {
			return err
		}
	}
	if n == 0 {
		c.X.Min, c.X.Max, c.Y.Min, c.Y.Max = 1, 2, 1, 2
	}
	fit(&c.X, p.X)
	fit(&c.Y, p.Y)
	if !p.Y.Log {
		c.Y.Min = min(c.Y.Min, 0)
	}
	return nil
}

func line(c *plot.Plot, p Plot, i int, points series, key key) error {
	colour := colours[i%len(colours)]
	stroke, err := plotter.NewLine(points)
	if err != nil && len(points) > 0 {
		return err
	}
	thumb := &plotter.Line{LineStyle: draw.LineStyle{Color: colour, Width: 1.8}}
	key.add(i, p.Lines[i].Name, thumb)
	if len(points) == 0 {
		return nil
	}
	stroke.LineStyle = thumb.LineStyle
	c.Add(stroke)
	if len(points) > maxMarked {
		return nil
	}
	marks, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	marks.GlyphStyle = draw.GlyphStyle{Color: colour, Radius: 2.6, Shape: draw.CircleGlyph{}}
	ranges, err := plotter.NewYErrorBars(points)
	if err != nil {
		return err
	}
	ranges.LineStyle, ranges.CapWidth = draw.LineStyle{Color: colour, Width: 1}, vg.Length(5)
	c.Add(marks, ranges)
	return nil
}

// fit leaves room around the values of an axis.
func fit(a *plot.Axis, of Axis) {
	switch {
	case of.Log && a.Max > a.Min:
		room := math.Pow(a.Max/a.Min, 0.04)
		a.Min, a.Max = a.Min/room, a.Max*room
	case of.Log:
		a.Min, a.Max = a.Min/2, a.Max*2
	case a.Max > a.Min:
		room := (a.Max - a.Min) * 0.04
		a.Min, a.Max = min(a.Min, max(0, a.Min-room)), a.Max+room
	default:
		a.Min, a.Max = a.Min-1, a.Max+1
	}
}

// A series is points as plotter takes them.
type series []Point

func (s series) Len() int                      { return len(s) }
func (s series) XY(i int) (x, y float64)       { return s[i].X, s[i].Y }
func (s series) YError(i int) (lo, hi float64) { return s[i].Y - s[i].Low, s[i].High - s[i].Y }

// shift moves the points of line i of n sideways, so that the error ranges of
// lines do not hide one another. Only points at the ticks of a logarithmic
// axis are moved.
func (s series) shift(i, n int, x Axis) {
	if !x.Log || len(x.Ticks) < 2 {
		return
	}
	span := x.Ticks[len(x.Ticks)-1].Value / x.Ticks[0].Value
	by := math.Pow(span, 0.008*(float64(i)-float64(n-1)/2))
	for j := range s {
		s[j].X *= by
	}
}

// drawable returns the points of a line that its axes can show. Error ranges
// are cut where a logarithmic axis cannot show them.
func drawable(points []Point, p Plot) (out series) {
	for _, pt := range points {
		if math.IsNaN(pt.Y) || math.IsInf(pt.Y, 0) || p.X.Log && pt.X <= 0 || p.Y.Log && pt.Y <= 0 {
			continue
		}
		pt.Low, pt.High = min(pt.Low, pt.Y), max(pt.High, pt.Y)
		if p.Y.Log {
			pt.Low = max(pt.Low, pt.Y/10)
		}
		out = append(out, pt)
	}
	return out
}
