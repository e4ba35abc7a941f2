package envelope

// A Parser parses envelopes one after the other, as the function [Parse] does.
// It decodes the beginning of an envelope only if the last envelope began in
// another way: most envelopes of a body are sealed under one data key, and its
// record is the greater part of each. The zero value is ready. Not safe for
// concurrent use.
type Parser struct {
	text []byte // how the last envelope that was decoded whole begins, in full groups of base64
	bin  []byte // the same, decoded
}

// maxHead is the length in bytes of the longest beginning that a Parser keeps.
const maxHead = 1 << 10

// Parse returns what the function [Parse] returns. The Parser does not keep
// buf.
func (p *Parser) Parse(buf, text []byte) (h Header, payload, out []byte, err error) {
	n := len(p.text)
	if n == 0 || len(text) < n || string(text[:n]) != string(p.text) {
		h, payload, out, err = Parse(buf, text)
		if err == nil {
			p.remember(text, out, len(out)-len(payload))
		}
		return h, payload, out, err
	}
	out, ok := decode(append(buf[:0], p.bin...), text[n:])
	if !ok {
		return Header{}, nil, out, ErrMalformed
	}
	h, payload, err = split(out)
	return h, payload, out, err
}

// remember keeps the bytes before the payload that fill groups of base64.
func (p *Parser) remember(text, bin []byte, head int) {
	p.text, p.bin = p.text[:0], p.bin[:0]
	if head > maxHead {
		return
	}
	whole := head / group * group
	p.text = append(p.text, text[:len(Prefix)+encoding.EncodedLen(whole)]...)
	p.bin = append(p.bin, bin[:whole]...)
}
