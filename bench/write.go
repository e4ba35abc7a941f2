package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sealmesh/sealmesh/bench/report"
)

// rawName is the file that has everything that was measured.
const rawName = "raw.json"

// write writes the results to dir.
func (b *bench) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	r := &report.Report{Title: "sealmesh: measured", Facts: b.facts(), Figures: b.figures, Sections: b.sections}
	raw, err := b.raw(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, rawName), raw, 0o644); err != nil {
		return err
	}
	if err := writeReport(dir, r); err != nil {
		return err
	}
	b.say("results in %s", dir)
	return nil
}

// raw is the report, followed by one line for every turn of every round.
func (r *results) raw(rep *report.Report) ([]byte, error) {
	head, err := json.Marshal(rep)
	if err != nil {
		return nil, err
	}
	notes, err := json.Marshal(r.notes)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"report\": %s,\n\"notes\": %s,\n\"samples\": [\n", head, notes)
	for i, s := range r.samples {
		line, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteString(",\n")
		}
		out.Write(line)
	}
	out.WriteString("\n]}\n")
	return out.Bytes(), nil
}

// redraw writes the report in dir again from the raw results there.
func redraw(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, rawName))
	if err != nil {
		return err
	}
	var in struct{ Report *report.Report }
	if err := json.Unmarshal(raw, &in); err != nil {
		return fmt.Errorf("%s: %w", rawName, err)
	}
	if in.Report == nil {
		return fmt.Errorf("%s has no report: it was written by an older bench", rawName)
	}
	return writeReport(dir, in.Report)
}

// writeReport writes the page, the tables and the plots of r.
func writeReport(dir string, r *report.Report) error {
	var md, page bytes.Buffer
	err := errors.Join(r.Markdown(&md), r.HTML(&page))
	files := map[string][]byte{"table.md": md.Bytes(), "index.html": page.Bytes()}
	for _, s := range r.Sections {
		for _, p := range s.Plots {
			svg, failed := p.SVG()
			files[p.Name+".svg"], err = []byte(svg), errors.Join(err, failed)
		}
	}
	if err != nil {
		return err
	}
	for name, data := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	return err
}
