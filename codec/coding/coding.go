// Package coding decodes bodies with a content coding (RFC 9110 §8.4.1), gzip,
// br or zstd, and encodes them again, in bounded memory.
//
// It decodes what every reader decodes alike, and refuses the rest: a body of
// several gzip members or zstd frames, of which some readers stop at the first;
// bytes after the end; skippable frames; dictionaries; windows over
// [MaxWindow]; and a body that decodes to more than a ratio of its length.
// Deflate is not decoded: some readers take it for zlib and some for raw
// deflate. Nor is a list of codings.
package coding

import (
	"fmt"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
)

// A Coding is a content coding.
type Coding uint8

// The codings. None is none of them.
const (
	None Coding = iota
	Gzip
	Brotli
	Zstd
)

// Of returns the coding that a value of content-encoding names, in any case.
func Of(contentEncoding string) Coding {
	for c, name := range [...]string{Gzip: "gzip", Brotli: "br", Zstd: "zstd"} {
		if name != "" && strings.EqualFold(contentEncoding, name) {
			return Coding(c)
		}
	}
	return None
}

const (
	// MaxWindow is the longest window of a body, in bytes: how far back it may
	// refer to itself.
	MaxWindow = 8 << 20
	// DefaultRatio is how many times longer than the coded body a decoded body may
	// be, beyond its first RatioFrom bytes.
	DefaultRatio = codec.DefaultRatio
	// RatioFrom is how many bytes of a decoded body the ratio allows in any case.
	RatioFrom = 64 << 10
)

// A Fault is the kind of an [Error].
type Fault uint8

// The faults.
const (
	Malformed   Fault = iota // not what the coding says
	Unsupported              // well-formed, and refused
	TooLong                  // the decoded body is too long for its coded length
)

// An Error says why a coded body was refused. It holds no bytes of the body.
type Error struct {
	Fault  Fault
	Detail string // in fixed words
}

// Fixed words of errors.
const (
	notCoded   = "the body is not what its coding says, or is incomplete"
	tooLong    = "the decoded body is too long for its coded length"
	longWindow = "the window is longer than 8 MiB"
)

// Error reads "content coding: bytes follow the end".
func (e *Error) Error() string { return fmt.Sprintf("content coding: %s", e.Detail) }
