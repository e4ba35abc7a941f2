package xml

import "github.com/sealmesh/sealmesh/codec"

// A cutToken is a token that the pieces so far have not the end of.
type cutToken struct {
	held   codec.Held
	at     int64  // its offset
	end    tagEnd // looks for the end of a tag
	resume bool   // the token is being read again, from held
	more   bool   // and is still not whole
}

func (t *cutToken) pending() bool { return t.held.Len() > 0 }

// cut keeps the token that begins at p[i], of which the rest is to come.
func (s *scanner) cut(p []byte, i int) int {
	if s.token.resume {
		s.token.more = true
		return len(p)
	}
	s.token.at = s.base + int64(i)
	s.token.held.Add(p[i:])
	return len(p)
}

// broken is called for a tag that begins at p[i] and cannot be read at p[at].
// Only a tag that is whole is malformed: so the error does not depend on how
// the body was cut.
func (s *scanner) broken(p []byte, i, at int, detail string) int {
	s.token.end = tagEnd{}
	n, whole := s.token.end.find(p[i:])
	switch {
	case n > maxTagBytes:
		return s.longTag(i)
	case whole:
		return s.malformed(at, i, detail)
	}
	return s.cut(p, i)
}

func (s *scanner) longTag(i int) int {
	return s.malformed(i, i, "a tag is longer than the limit")
}

// resume reads the rest of the token that the last piece cut.
func (s *scanner) resume(p []byte) int {
	i := 0
	for i < len(p) && s.token.pending() && s.err == nil {
		if s.cutTag(p[i]) {
			i += s.resumeTag(p[i:])
			continue
		}
		s.token.held.Add(p[i : i+1])
		s.again()
		i++
	}
	if s.err != nil {
		return -1
	}
	return i
}

// cutTag reports whether the token is a tag, given the byte that follows.
func (s *scanner) cutTag(next byte) bool {
	held := s.token.held.Bytes()
	if held[0] != '<' || s.mode <= atDeclaration {
		return false
	}
	if len(held) > 1 {
		next = held[1]
	}
	return !isAside(next)
}

// resumeTag adds to the tag that is held what p has of it, and reads the tag if
// it is whole. It returns how much of p that is.
func (s *scanner) resumeTag(p []byte) int {
	t := &s.token
	if t.held.Len() == 1 {
		t.end = tagEnd{}
		if !s.beginTag(p[0], int(t.at-s.base)) {
			return 0
		}
	}
	n, whole := t.end.find(p)
	if t.held.Len()+n > maxTagBytes {
		s.longTag(int(t.at - s.base))
		return 0
	}
	t.held.Add(p[:n])
	if whole {
		s.again()
	}
	return n
}

// again reads the token that is held, and drops it if it is whole.
func (s *scanner) again() {
	t := &s.token
	base, b := s.base, t.held.Bytes()
	s.base, t.resume, t.more = t.at, true, false
	for i := 0; i >= 0 && i < len(b); {
		i = s.step(b, i)
	}
	s.base, t.resume = base, false
	if s.err == nil && !t.more {
		t.held.Drop()
	}
}
