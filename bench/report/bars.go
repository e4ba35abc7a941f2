package report

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/sealmesh/sealmesh/bench/stats"
)

// bars draws the bars of p from above, each with its sum and the error range
// of the sum.
func bars(c *plot.Plot, p Plot, key key) error {
	list := slices.Clone(p.Bars)
	slices.Reverse(list) // the lowest bar is the first of the axis
	names := make([]string, len(list))
	sums := make(plotter.XYs, len(list))
	ranges := make(plotter.XErrors, len(list))
	var below *plotter.BarChart
	for i := range p.Parts {
		values := make(plotter.Values, len(list))
		for j, b := range list {
			values[j], names[j] = b.Parts[i], b.Name
			sums[j] = plotter.XY{X: sums[j].X + b.Parts[i], Y: float64(j)}
		}
		part, err := plotter.NewBarChart(values, 0.62*barHeight)
		if err != nil {
			return err
		}
		part.Horizontal, part.Color, part.LineStyle.Width = true, colours[i%len(colours)], 0
		if below != nil {
			part.StackOn(below)
		}
		below = part
		c.Add(part)
		key.add(i, p.Parts[i], part)
	}
	labels := make([]string, len(list))
	ends := slices.Clone(sums)
	for j, b := range list {
		labels[j] = stats.Number(sums[j].X)
		ranges[j].Low, ranges[j].High = max(sums[j].X-b.Low, 0), max(b.High-sums[j].X, 0)
		ends[j].X += ranges[j].High
	}
	if err := annotate(c, sums, ranges, ends, labels); err != nil {
		return err
	}
	c.NominalY(names...)
	c.Y.Tick.Label.XAlign = draw.XRight
	c.X.Min, c.X.Max = 0, c.X.Max*1.1
	c.Y.Min, c.Y.Max = -0.6, float64(len(list))-0.4
	return nil
}

// annotate draws error ranges around sums, and labels to the right of ends.
func annotate(c *plot.Plot, sums plotter.XYs, ranges plotter.XErrors, ends plotter.XYs, labels []string) error {
	whiskers, err := plotter.NewXErrorBars(struct {
		plotter.XYs
		plotter.XErrors
	}{sums, ranges})
	if err != nil {
		return err
	}
	whiskers.LineStyle, whiskers.CapWidth = draw.LineStyle{Color: ink, Width: 0.9}, vg.Length(5)
	figures, err := plotter.NewLabels(plotter.XYLabels{XYs: ends, Labels: labels})
	if err != nil {
		return err
	}
	for i := range figures.TextStyle {
		style(&figures.TextStyle[i], ink, textSize)
		figures.TextStyle[i].YAlign = draw.YCenter
	}
	figures.Offset = vg.Point{X: 5, Y: 1.2}
	c.Add(whiskers, figures)
	return nil
}
