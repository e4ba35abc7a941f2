package keycache

import (
	"errors"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
)

var errNoSuite = &hsm.Error{Class: hsm.Corrupt, Operation: "open",
	Err: errors.New("the envelope's suite is deterministic, but its key is not pinned")}

// Open appends the value that text seals to dst, and returns its kind. Errors
// are *Error.
func (s *Session) Open(dst []byte, t *Tag, text []byte) ([]byte, codec.Kind, error) {
	if err := s.begin(t); err != nil {
		return dst, 0, err
	}
	h, payload, buf, err := s.st.parser.Parse(s.st.buf, text)
	s.st.buf = buf
	if errors.Is(err, envelope.ErrNotEnvelope) {
		return dst, 0, &Error{Reason: NotEnvelope, Key: t.key.Name, Err: err} // no key was asked for, so there is no use to record
	}
	if err != nil {
		return dst, 0, s.fail(useID{key: t.key, operation: opOpen, reason: OpenFailed}, t, datakeys.None, err)
	}
	if err := s.c.checkSuite(h.Suite); err != nil {
		return dst, 0, s.fail(useID{key: t.key, operation: opOpen, suite: h.Suite, reason: SuiteUnapproved}, t, datakeys.None, err)
	}
	d, c, access, err := s.find(t.key, &h)
	if err != nil {
		return dst, 0, s.fail(useID{key: t.key, operation: opOpen, suite: h.Suite, reason: reasonToOpen(err)}, t, access, err)
	}
	out, buf, err := c.Open(dst, buf, h, payload, t.fieldContext)
	s.st.buf = buf
	if err != nil {
		return dst, 0, s.fail(useID{t.key, d, opOpen, h.Suite, OpenFailed}, t, access, err)
	}
	d.Touch(s.st.now)
	s.st.account.add(useID{t.key, d, opOpen, h.Suite, ""}, t, len(out)-len(dst), access, s.st.wall)
	return out, h.Kind, nil
}

// find returns the data key of h and its cipher, and waits for them on a miss.
func (s *Session) find(k *key, h *envelope.Header) (*datakeys.DataKey, *datakeys.Cipher, datakeys.Access, error) {
	d, err := k.Cached(h)
	if err != nil {
		return nil, nil, datakeys.None, err
	}
	if d != nil && d.Fresh(s.st.now) {
		if c := d.Cipher(h.Suite); c != nil {
			return d, c, datakeys.Hit, nil
		}
	}
	return s.await(k, h, d)
}

// await is find for a data key d that is not fresh, or nil.
func (s *Session) await(k *key, h *envelope.Header, d *datakeys.DataKey) (*datakeys.DataKey, *datakeys.Cipher, datakeys.Access, error) {
	s.st.missed()
	for {
		var err error
		access := datakeys.Miss
		if d != nil && d.Usable(s.st.now) {
			if access, err = k.Keys.Serve(s.st.ctx, d, s.st.now, s.st.parent); access != datakeys.Hit {
				s.tick()
			}
		} else {
			d, err = s.fetch(k, h)
		}
		switch {
		case errors.Is(err, datakeys.ErrEvicted):
		case err != nil:
			return nil, nil, access, err
		default:
			if c := d.Cipher(h.Suite); c != nil {
				return d, c, access, nil
			}
			if d.Usable(s.st.now) {
				return nil, nil, access, errNoSuite
			}
		}
		d = nil // evicted between lookup and use: retry as a miss
	}
}

// fetch waits for the data key of h to be unwrapped.
func (s *Session) fetch(k *key, h *envelope.Header) (*datakeys.DataKey, error) {
	k.Keys.CountMiss(h.KeyID)
	by := s.allowance()
	for {
		f, err := k.Fetch(h, by, s.st.parent)
		if err != nil {
			return nil, err
		}
		d, err := f.Wait(s.st.ctx)
		s.tick()
		if !errors.Is(err, calls.ErrSpent) || by.Spent(s.st.now) {
			return d, err
		}
		// Another caller, which has spent its allowance, began the flight: retry on
		// ours.
	}
}
