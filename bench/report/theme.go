package report

import (
	"fmt"
	"html"
	"image/color"
	"regexp"
	"strconv"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
)

// sans is the font for which plots are laid out.
var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

const bold = xfont.WeightBold

// Colours of the light scheme.
var (
	ink   = hex(0x1d2430)
	dim   = hex(0x475467)
	rule  = hex(0x98a2b3)
	faint = hex(0xe3e7ee)
	paper = hex(0xffffff)
)

// colours of lines and parts, by Okabe and Ito: people who do not see red and
// green apart can tell them apart.
var colours = []color.RGBA{
	hex(0x0072b2), hex(0xd55e00), hex(0x009e73), hex(0xcc79a7),
	hex(0xe69f00), hex(0x56b4e9), hex(0x7f7f7f), hex(0xb8a900),
}

// darkScheme maps the colours that are hard to see on dark paper.
var darkScheme = []struct{ light, dark color.RGBA }{
	{ink, hex(0xe6e9ef)}, {dim, hex(0xa9b3c3)}, {rule, hex(0x667085)}, {faint, hex(0x2c3340)}, {paper, hex(0x12161d)},
	{colours[0], hex(0x3f9fe0)}, {colours[1], hex(0xf07b2a)}, {colours[2], hex(0x1fbf90)},
}

func hex(rgb uint32) color.RGBA {
	return color.RGBA{R: uint8(rgb >> 16), G: uint8(rgb >> 8), B: uint8(rgb), A: 255}
}

// textElement is a text as vgsvg writes it.
var textElement = regexp.MustCompile(`(?s)<text ([^>]*?font-weight:(\w+)[^>]*?font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)

// fitted gives every text the width for which the plot was laid out. Readers
// without the font of the layout have others, which may be wider.
func fitted(svg string) string {
	svg = strings.ReplaceAll(svg, "font-family:Liberation Sans", "font-family:Liberation Sans,Arial,Helvetica,sans-serif")
	return textElement.ReplaceAllStringFunc(svg, func(element string) string {
		m := textElement.FindStringSubmatch(element)
		size, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return element
		}
		f := sans
		if m[2] == "bold" {
			f.Weight = bold
		}
		face := font.DefaultCache.Lookup(f, font.Length(size))
		w := face.Width(html.UnescapeString(m[4]))
		return fmt.Sprintf(`<text textLength="%.1f" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, float64(w), m[1], m[4])
	})
}

// themed names an SVG document for readers that do not see it, and adds the
// dark scheme. A page may embed the result as it is: the XML prologue is gone.
func themed(svg, title string) string {
	_, body, _ := strings.Cut(svg, "<svg ")
	head, rest, _ := strings.Cut(body, ">\n")
	var rules strings.Builder
	for _, c := range darkScheme {
		for _, property := range []string{"fill", "stroke"} {
			fmt.Fprintf(&rules, `svg [style*="%[1]s:%[2]s"]{%[1]s:%[3]s!important}`, property, css(c.light), css(c.dark))
		}
	}
	return fmt.Sprintf("<svg role=\"img\" aria-label=\"%s\" %s>\n<style>@media(prefers-color-scheme:dark){%s}</style>\n%s", html.EscapeString(title), head, rules.String(), fitted(rest))
}

func css(c color.RGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }
