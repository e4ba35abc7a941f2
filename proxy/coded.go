package proxy

import (
	"errors"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/coding"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A coded body has a content coding. It is decoded, rewritten, and encoded in
// the same coding again, piece by piece.
type coded struct {
	d       *direction
	decoder *coding.Decoder
	encoder *coding.Encoder
	came    int64        // bytes of the decoded body
	took    int          // bytes of it in the last message
	freed   int          // bytes that the format has written for the last message
	out     codec.Output // of the format, not encoded yet
	charged int          // bytes that the exchange was charged for memory
}

// newCoded makes what decodes and encodes the body of d, nil if it has no
// coding.
func newCoded(d *direction) (*coded, error) {
	k := coding.Of(d.head.contentEncoding)
	if k == coding.None {
		return nil, nil //nolint:nilnil // there is nothing to decode
	}
	encoder, err := coding.NewEncoder(k)
	if err != nil {
		return nil, err
	}
	c := &coded{d: d, decoder: coding.NewDecoder(k, d.x.rt.policy.Limits.Ratio), encoder: encoder}
	return c, c.charge()
}

// charge charges for the memory that decoding and encoding take.
func (c *coded) charge() error {
	n := c.decoder.Memory() + coding.EncoderMemory
	if n <= c.charged {
		return nil
	}
	err := c.d.x.charge(int64(n-c.charged), c.d.response)
	if err == nil {
		c.charged = n
	}
	return err
}

// rewrite runs the body of j through the rules, as direction.rewrite does.
func (c *coded) rewrite(j *job, end bool) error {
	c.took, c.freed = 0, 0
	take := func(p []byte) error { return c.take(j, p) }
	for _, p := range j.body {
		if err := c.decoder.Write(p, take); err != nil {
			return undecoded(err)
		}
		if err := c.charge(); err != nil {
			return err
		}
	}
	if !end {
		return errors.Join(c.encoder.Flush(&j.out), c.d.body.session.Admit())
	}
	if err := c.decoder.Close(take); err != nil {
		return undecoded(err)
	}
	if err := c.d.body.finish(&c.out); err != nil {
		return err
	}
	if err := c.encode(j); err != nil {
		return err
	}
	err := c.encoder.Close(&j.out)
	c.free()
	return err
}

// take rewrites a piece of the decoded body.
func (c *coded) take(j *job, p []byte) error {
	c.came, c.took = c.came+int64(len(p)), c.took+len(p)
	if !c.d.response && c.d.plan.Mode == policy.Buffered {
		if err := c.d.x.rt.checkBuffered(int(c.came)); err != nil {
			return err
		}
	}
	if err := c.d.body.writer.Write(&c.out, p); err != nil {
		return err
	}
	return c.encode(j)
}

// encode moves what the format has written into j.out.
func (c *coded) encode(j *job) error {
	defer c.out.Reset()
	c.freed += c.out.Len()
	for _, s := range c.out.Segments() {
		if err := c.encoder.Write(&j.out, s); err != nil {
			return err
		}
	}
	return c.d.checkOpened(&c.out)
}

// free ends the decoder and the encoder. It may be called again.
func (c *coded) free() {
	if c != nil && c.decoder != nil {
		c.decoder.Free()
		c.encoder.Free()
		c.out.Reset()
		c.decoder = nil
	}
}

// undecoded gives the error of a decoder a code.
func undecoded(err error) error {
	e, ok := errors.AsType[*coding.Error](err)
	switch {
	case !ok:
		return err
	case e.Fault == coding.Unsupported:
		return refuse(codeEncoding, err)
	case e.Fault == coding.TooLong:
		return refuse(codeLarge, err)
	}
	return refuse(codeCoded, err)
}
