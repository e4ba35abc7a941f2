package grpc

import (
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/coding"
)

// head is the length of a frame before its message: a flag, and the length of
// the message.
const head = 5

// Flags of frames.
const (
	plain      = 0x00
	compressed = 0x01
)

// Flags of the frames that end responses.
const (
	webLast     = 0x80
	connectLast = 0x02
)

// Fixed words of errors.
const (
	longDetail  = "a message is longer than the limit"
	cutDetail   = "the body ends in the middle of a message"
	paramDetail = "the media type has a parameter that is unknown"
)

// isCoded reports whether messages of a body are compressed in a way that is
// decoded.
func isCoded(b *codec.Body) bool { return coding.Of(b.Encoding) != coding.None }

// A protocol is what the formats differ in.
type protocol struct {
	name string // of the Format
	last byte   // flag of the frame that ends a response, or 0
}

// isLast reports whether flag is that of the frame that ends a response.
func (p *protocol) isLast(flag byte) bool { return p.last != 0 && flag&^compressed == p.last }

// fault returns why no frame with flag may come, in fixed words; no code if one
// may. Over says that the last frame has come, and decoded that compressed
// messages were decoded.
func (p *protocol) fault(flag byte, over, response, decoded bool) (code codec.Code, detail string) {
	last := p.isLast(flag)
	switch {
	case over:
		return codec.Malformed, "bytes after the last frame"
	case flag != plain && flag != compressed && !last:
		return codec.Malformed, "a frame has a flag that the protocol does not have"
	case flag&compressed != 0 && !decoded:
		return codec.Unsupported, "a message is compressed, and no header says how, or in a way that is not read"
	case last && !response:
		return codec.Malformed, "a request has the last frame of a response"
	}
	return "", ""
}
