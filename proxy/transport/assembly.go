package transport

import (
	"encoding/binary"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// Messages are received in pieces of these lengths, in bytes. Memory thus
// follows what the peer has sent, not the length that it announced.
const (
	firstPiece = 16 << 10
	nextPiece  = 64 << 10
)

// prefixLen is the length of gRPC's message prefix: a flag and a length.
const prefixLen = 5

// An assembly puts a message together from DATA frames.
type assembly struct {
	prefix [prefixLen]byte
	filled int // bytes of prefix that have come
	left   int // bytes of the message that have not come
	pieces mem.BufferSlice
	piece  *[]byte // follows pieces; nil until there is a byte for it
	at     int     // bytes of piece that have come
}

// partial reports whether a message has begun and not ended.
func (a *assembly) partial() bool { return a.filled > 0 }

// free drops what has come of a message.
func (a *assembly) free(pool mem.BufferPool) {
	a.pieces.Free()
	if a.piece != nil {
		pool.Put(a.piece)
	}
	*a = assembly{}
}

// read reads up to n bytes from r, and returns how many it took. It stops at
// the end of a message, and complete is then true. An error with a gRPC status
// ends the stream only. most limits the length of a message.
func (a *assembly) read(r io.Reader, n, most int, pool mem.BufferPool) (taken int, complete bool, err error) {
	if a.filled < prefixLen {
		taken = min(n, prefixLen-a.filled)
		if _, err := io.ReadFull(r, a.prefix[a.filled:a.filled+taken]); err != nil {
			return 0, false, err
		}
		if a.filled += taken; a.filled < prefixLen {
			return taken, false, nil
		}
		if err := a.begin(most); err != nil {
			return taken, false, err
		}
		if n -= taken; n == 0 || a.left == 0 {
			return taken, a.left == 0, nil
		}
	}
	if a.piece == nil {
		most := firstPiece
		if len(a.pieces) > 0 {
			most = nextPiece
		}
		a.piece, a.at = pool.Get(min(a.left, most)), 0
	}
	k := min(n, len(*a.piece)-a.at)
	if _, err := io.ReadFull(r, (*a.piece)[a.at:a.at+k]); err != nil {
		return 0, false, err
	}
	a.at += k
	a.left -= k
	if a.at == len(*a.piece) {
		a.pieces = append(a.pieces, mem.NewBuffer(a.piece, pool))
		a.piece = nil
	}
	return taken + k, a.left == 0, nil
}

// begin decodes the prefix.
func (a *assembly) begin(most int) error {
	if a.prefix[0] != 0 {
		return status.Error(codes.Unimplemented, "compressed messages are not supported")
	}
	n := binary.BigEndian.Uint32(a.prefix[1:])
	if uint64(n) > uint64(most) {
		return status.Errorf(codes.ResourceExhausted, "a message of %d bytes is longer than %d", n, most)
	}
	a.left = int(n)
	return nil
}

// message returns the message that read completed.
func (a *assembly) message() mem.BufferSlice {
	m := a.pieces
	a.pieces, a.filled = nil, 0
	return m
}
