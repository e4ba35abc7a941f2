package report

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A key explains the colours below a plot, in two columns of equal length.
type key []entry

type entry struct {
	name  string
	thumb plot.Thumbnailer
}

// newKey returns a key with room for n names, which is rounded up to even.
func newKey(n int) key { return make(key, n+n%2) }

func (k key) add(i int, name string, thumb plot.Thumbnailer) { k[i] = entry{name, thumb} }

func (k key) draw(c draw.Canvas) {
	for i, e := range k {
		if e.thumb == nil {
			continue
		}
		l := plot.NewLegend()
		style(&l.TextStyle, ink, textSize)
		l.Top, l.Left, l.ThumbnailWidth = true, true, 16
		l.Add(e.name, e.thumb)
		half := (c.Max.X - c.Min.X) / 2
		l.Draw(draw.Crop(c, half*vg.Length(i%2), 0, 0, -legendLine*vg.Length(i/2)))
	}
}
