package suite

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
)

// A knownAnswer is one payload that a suite must open, and must reproduce if
// the suite is deterministic.
type knownAnswer struct {
	id      ID
	key     byte // repeated
	payload string
}

const (
	knownPlaintext = "XAES-256-GCM"
	knownAAD       = "c2sp.org/XAES-256-GCM"
)

var knownAnswers = [...]knownAnswer{
	// The second vector of C2SP, prefix and nonce "ABCDEFGHIJKL", "MNOPQRSTUVWX".
	{XAES256GCM, 3, "4142434445464748494a4b4c4d4e4f505152535455565758" + "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	// The same inputs, computed with an independent composition of HKDF and GCM.
	{HKDFAES256GCM, 3, "4142434445464748494a4b4c4d4e4f505152535455565758" + "d1639f23284561f1e9de9ab40d94733936755b3e2aa39d1f23718d93"},
	// The same inputs, computed with tink-go's AES-SIV.
	{AES256SIV, 3, "bae49dfe3d637b50edd1a4f4d2340eaa6ea37aba3d8a5605249d9f79"},
}

// SelfTest checks every suite: it opens known answers, refuses them once they
// are changed, and seals and opens a value. A process must not serve unless
// SelfTest returns nil.
func SelfTest() error {
	for _, k := range knownAnswers {
		if err := k.check(); err != nil {
			return fmt.Errorf("self test of suite %d: %w", k.id, err)
		}
	}
	return nil
}

func (k knownAnswer) check() error {
	payload, err := hex.DecodeString(k.payload)
	if err != nil {
		return err
	}
	s := ByID(k.id)
	c, err := s.New(bytes.Repeat([]byte{k.key}, KeySize))
	if err != nil {
		return err
	}
	if got, err := c.Open(nil, payload, []byte(knownAAD)); err != nil || string(got) != knownPlaintext {
		return errors.New("the known payload does not open")
	}
	fresh, err := c.Seal(nil, []byte(knownPlaintext), []byte(knownAAD))
	if err != nil {
		return err
	}
	if bytes.Equal(fresh, payload) != s.Deterministic {
		return errors.New("sealing gives the wrong payload")
	}
	if got, err := c.Open(nil, fresh, []byte(knownAAD)); err != nil || string(got) != knownPlaintext {
		return errors.New("what was sealed does not open")
	}
	payload[len(payload)-1] ^= 1
	if _, err := c.Open(nil, payload, []byte(knownAAD)); !errors.Is(err, ErrOpen) {
		return errors.New("a forged payload opens")
	}
	return nil
}
