package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// A series is the Scanner of bodies that have documents of a format in angle
// brackets. It knows the documents, and ends a document without making another
// Scanner for the next.
type series struct {
	codec.Scanner // of the documents
	tags          *codec.Splicer
	docs          []string // that have not ended
	left          int      // bytes of docs[0], or -1 before its bracket
	pending       []byte   // not read
	at            int64    // offset of pending
	late          int      // how many bytes it reads with a later chunk only
}

func (s *series) Scan(p []byte, _ int64) error {
	s.pending = append(s.pending, p...)
	if n := len(s.pending) - s.late; n > 0 {
		if err := s.read(n); err != nil {
			return err
		}
	}
	if len(s.pending) > 0 {
		s.tags.Hold(s.at)
	}
	return nil
}

// read reads the first n pending bytes, and then overwrites them.
func (s *series) read(n int) error {
	p, at := s.pending[:n], s.at
	for len(p) > 0 {
		k := 1
		switch {
		case s.left < 0:
			s.left = len(s.docs[0])
		case s.left == 0:
			if err := s.Scanner.End(at); err != nil {
				return err
			}
			s.left, s.docs = -1, s.docs[1:]
		default:
			k = min(s.left, len(p))
			if err := s.Scanner.Scan(p[:k], at); err != nil {
				return err
			}
			s.left -= k
		}
		p, at = p[k:], at+int64(k)
	}
	copy(s.pending, bytes.Repeat([]byte{'<'}, n))
	s.pending, s.at = s.pending[n:], at
	return nil
}

func (s *series) End(int64) error { return s.read(len(s.pending)) }

// seriesOf is the format of bodies that have docs in brackets.
func (r *runner) seriesOf(docs []string, late int) *codec.Format {
	return &codec.Format{Name: r.format.Name, Scan: func(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
		inner, err := r.format.Scan(b, tags)
		return &series{Scanner: inner, tags: tags, docs: docs, left: -1, late: late}, err
	}}
}

// inside: documents inside a body give what they give alone, at their offsets,
// also where the format around them keeps bytes back.
func (r *runner) inside(t *testing.T) {
	if r.format.Scan == nil {
		t.Skip("documents of the format cannot be inside others")
	}
	for i, doc := range r.Bodies {
		docs := []string{doc, r.Bodies[(i+1)%len(r.Bodies)], doc}
		var body, want string
		var fields []Seen
		for _, d := range docs {
			sealed, err := r.rewrite(Record(&fields, Seal), codec.Limits{}, d, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, want = body+"<"+d+">", want+"<"+sealed+">"
		}
		for _, cuts := range [][]int{nil, Everywhere(len(body), 1), Everywhere(len(body), 7), Everywhere(len(body), 64)} {
			for _, late := range []int{0, 3, 20} {
				var seen []Seen
				got, err := r.rewriteSeries(docs, late, Record(&seen, Seal), body, cuts)
				if err != nil || got != want || fmt.Sprint(seen) != fmt.Sprint(fields) {
					t.Fatalf("%.200q cut at %v, %d bytes late: %.200q, fields %v, %v", body, cuts, late, got, seen, err)
				}
			}
		}
	}
	for _, doc := range r.Refused {
		first := r.Bodies[len(doc)%len(r.Bodies)]
		docs, body := []string{first, doc}, "<"+first+"><"+doc+">"
		_, err := r.rewrite(Seal, codec.Limits{}, doc, nil)
		want, _ := errors.AsType[*codec.Error](err)
		_, err = r.rewriteSeries(docs, len(doc)%5, Seal, body, Everywhere(len(body), 1+len(doc)%9))
		got, _ := errors.AsType[*codec.Error](err)
		if want == nil || got == nil || got.Code != want.Code || got.Detail != want.Detail || got.Offset != want.Offset+int64(len(first)+3) {
			t.Errorf("%.200q: %v, alone %v", body, got, want)
		}
	}
}

func (r *runner) rewriteSeries(docs []string, late int, tr codec.Transform, body string, cuts []int) (string, error) {
	b, err := r.body(r.sel, tr, codec.Limits{})
	if err != nil {
		return "", err
	}
	return RewriteBody(r.seriesOf(docs, late), b, body, cuts)
}

// interleaved: two Writers that take turns do not disturb each other.
func (r *runner) interleaved(t *testing.T) {
	for i, first := range r.Bodies {
		bodies := [2]string{first, r.Bodies[(i+1)%len(r.Bodies)]}
		var outs [2]codec.Output
		var ws [2]codec.Writer
		for k := range ws {
			ws[k] = r.writer(t, Seal)
		}
		for at := 0; at < len(bodies[0]) || at < len(bodies[1]); at += 5 {
			for k, body := range bodies {
				if piece := body[min(at, len(body)):min(at+5, len(body))]; piece != "" {
					if err := ws[k].Write(&outs[k], []byte(piece)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for k, body := range bodies {
			err := ws[k].Close(&outs[k])
			want, alone := r.rewrite(Seal, codec.Limits{}, body, nil)
			if got := string(bytes.Join(outs[k].Segments(), nil)); err != nil || alone != nil || got != want {
				t.Errorf("%.200q: %.200q, %v; alone %.200q, %v", body, got, err, want, alone)
			}
			ws[k].Free()
			outs[k].Reset()
		}
	}
}
