package report

import (
	_ "embed"
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
			part.SVG = append(part.SVG, template.HTML(p.SVG())) // SVG escapes what it is given
		}
		data.Parts = append(data.Parts, part)
	}
	return pageTemplate.Execute(w, data)
}
