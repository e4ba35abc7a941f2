package rewrap

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// tokenLimit returns the length, in bytes, of the longest envelope that can be
// sealed under p.
func tokenLimit(p *policy.Policy) int {
	value := codec.DefaultValueBytes
	for _, r := range p.Routes {
		for _, plan := range []*policy.Plan{r.Request, r.Response} {
			if plan != nil {
				value = max(value, plan.Limits.ValueBytes)
			}
		}
	}
	return envelope.LongestText(value)
}

// A tokenScanner finds candidates for envelopes in any text: the prefix and the
// run of base64url characters after it. The text of an envelope needs no
// escaping in JSON, CSV or SQL.
type tokenScanner struct {
	r    io.Reader
	buf  []byte
	at   int64 // offset of buf in the input
	max  int   // longest candidate, in bytes
	done bool
}

func newTokenScanner(r io.Reader, limit int) *tokenScanner {
	return &tokenScanner{r: r, buf: make([]byte, 0, 256<<10), max: limit}
}

// next returns the text before the next candidate, and the candidate. Both are
// valid until the next call. At the end of the input, token is empty and err is
// io.EOF. A token longer than s.max is cut off: its rest follows as text.
func (s *tokenScanner) next() (text, token []byte, err error) {
	prefix := []byte(envelope.Prefix)
	for {
		i := bytes.Index(s.buf, prefix)
		if i < 0 && s.done {
			text, s.buf = s.buf, nil
			return text, nil, io.EOF
		}
		if i < 0 && len(s.buf) > 64<<10 { // no prefix, except perhaps part of one at the end
			return s.take(len(s.buf)-len(prefix), 0)
		}
		if i >= 0 {
			if end := tokenEnd(s.buf, i+len(prefix)); end < len(s.buf) || s.done || end-i > s.max {
				return s.take(i, end-i)
			}
		}
		if err := s.fill(); err != nil {
			return nil, nil, err
		}
	}
}

// take consumes text bytes and the token bytes after them.
func (s *tokenScanner) take(text, token int) ([]byte, []byte, error) {
	a, b := s.buf[:text], s.buf[text:text+token]
	s.buf = s.buf[text+token:]
	s.at += int64(text + token)
	return a, b, nil
}

// unread puts back the last n bytes of the token that next returned.
func (s *tokenScanner) unread(token []byte, n int) {
	s.buf = token[len(token)-n : len(token)+len(s.buf)]
	s.at -= int64(n)
}

// fill reads more input into the buffer and grows it if necessary.
func (s *tokenScanner) fill() error {
	if len(s.buf) == cap(s.buf) || cap(s.buf)-len(s.buf) < 4<<10 {
		s.buf = append(make([]byte, 0, max(256<<10, 2*len(s.buf))), s.buf...)
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if errors.Is(err, io.EOF) {
		s.done = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("rewrap: %w", err)
	}
	return nil
}

// tokenEnd returns the end of the run of base64url characters that starts at i.
func tokenEnd(b []byte, i int) int {
	for i < len(b) && (b[i]|0x20 >= 'a' && b[i]|0x20 <= 'z' || b[i] >= '0' && b[i] <= '9' || b[i] == '-' || b[i] == '_') {
		i++
	}
	return i
}
