package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Parse(page))

// HTML writes one page with everything in it.
func (r *Report) HTML(w io.Writer) error {
	type section struct {
		Section
		SVG []template.HTML
	}
	data := struct {
		*Report
		Targets Table
		Parts   []section
	}{Report: r, Targets: r.figures()}
	for _, s := range r.Sections {
		part := section{Section: s}
		for _, p := range s.Plots {
			svg, err := p.SVG()
			if err != nil {
				return fmt.Errorf("plot %s: %w", p.Name, err)
			}
			part.SVG = append(part.SVG, template.HTML(svg)) // SVG escapes its texts
		}
		data.Parts = append(data.Parts, part)
	}
	return pageTemplate.Execute(w, data)
}
