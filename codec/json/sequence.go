package json

import (
	"bytes"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// Sequence is JSON text sequences (RFC 7464): RS, a JSON text and LF, any
// number of times. Each text is the root of its own. It takes no options.
//
// A text may take several lines. RFC 7464 lets a reader skip a text that is
// broken or incomplete; the format refuses the body, and also a text that is
// empty or lacks its LF.
var Sequence = codec.Format{
	Name:          "json-seq",
	MediaTypes:    []string{"application/json-seq", "+json-seq"},
	Except:        namedByData[:],
	Check:         check,
	Scan:          scanSequence,
	HoldsEnvelope: holdsEnvelope,
}

const recordSeparator = 0x1e

// A sequence is the [codec.Scanner] of JSON text sequences.
type sequence struct {
	document      // the text
	open     bool // RS has come
	last     byte // of the text so far
}

var sequences = sync.Pool{New: func() any { return new(sequence) }}

// scanSequence is Format.Scan.
func scanSequence(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	s := sequences.Get().(*sequence)
	if err := s.begin(b, tags); err != nil {
		s.Free()
		return nil, err
	}
	return s, nil
}

// Scan implements [codec.Scanner].
func (s *sequence) Scan(p []byte, base int64) error {
	s.base = base
	if !s.open && len(p) > 0 {
		if p[0] != recordSeparator {
			s.malformed(0, "expected RS")
			return s.err
		}
		s.open, s.base, p = true, base+1, p[1:]
	}
	for len(p) > 0 {
		text, rest, ended := bytes.Cut(p, separator)
		if s.scan(text) != nil {
			return s.err
		}
		if len(text) > 0 {
			s.last = text[len(text)-1]
		}
		if ended && s.endText(codec.Malformed) != nil {
			return s.err
		}
		p = rest
	}
	return nil
}

var separator = []byte{recordSeparator}

// endText ends a text at the next RS or the end of the body. code is for a text
// that is incomplete.
func (s *sequence) endText(code codec.Code) error {
	switch ending := s.ending(); {
	case s.err != nil:
	case ending == cutDocument:
		s.fail(code, 0, "a text ends before its value does")
	case s.last != '\n':
		s.fail(code, 0, "a text ends without LF")
	case ending == emptyDocument:
		s.malformed(0, "a text is empty")
	default:
		s.restart()
		s.endRecord()
	}
	s.last = 0
	s.base++
	return s.err
}

// End implements [codec.Scanner].
func (s *sequence) End(at int64) error {
	s.base = at
	if s.open && s.endText(codec.Truncated) != nil {
		return s.err
	}
	s.open = false
	return nil
}

// Free implements [codec.Scanner].
func (s *sequence) Free() {
	s.free()
	s.open, s.last = false, 0
	sequences.Put(s)
}
