package wire

import (
	"errors"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"github.com/sealmesh/sealmesh/codec"
)

// Codec returns the gRPC codec of ext_proc messages. It leaves all other
// messages to the generated code. Safe for concurrent use.
func Codec() encoding.CodecV2 { return messageCodec{encoding.GetCodecV2(proto.Name)} }

// NetworkCodec returns the Codec for a google.golang.org/grpc server. That
// server does not free what is queued for a connection that breaks. The codec
// therefore copies replies, so that their segments are released before Send
// returns.
func NetworkCodec() encoding.CodecV2 {
	return copyingCodec{messageCodec{encoding.GetCodecV2(proto.Name)}}
}

type copyingCodec struct{ messageCodec }

// Marshal encodes v, and copies a *Reply.
func (c copyingCodec) Marshal(v any) (mem.BufferSlice, error) {
	data, err := c.messageCodec.Marshal(v)
	if _, ok := v.(*Reply); !ok || err != nil {
		return data, err
	}
	defer data.Free()
	b := bufferPool.Get(data.Len())
	data.CopyTo(*b)
	return mem.BufferSlice{mem.NewBuffer(b, bufferPool)}, nil
}

// messageCodec is an encoding.CodecV2 for *Request and *Reply. The embedded
// codec serves any other protobuf message.
type messageCodec struct{ encoding.CodecV2 }

// Marshal encodes v. It does not copy the large segments of a *Reply.
func (c messageCodec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(*Reply); ok {
		return r.marshal()
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal decodes data into v. It does not copy the body of a *Request, which
// keeps data until the request is freed.
func (c messageCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*Request); ok {
		return r.unmarshal(data)
	}
	return c.CodecV2.Unmarshal(data, v)
}

// unmarshal decodes data into r, with the generated code if decode cannot.
func (r *Request) unmarshal(data mem.BufferSlice) error {
	r.reset()
	data.Ref()
	r.buffers = append(r.buffers, data...)
	for _, b := range data {
		if b.Len() > 0 {
			r.segments = append(r.segments, b.ReadOnlyData())
		}
	}
	err := r.decode(newCursor(r.segments))
	if errors.Is(err, errUnusual) {
		r.reset()
		err = r.decodeGenerated(data.Materialize())
	}
	if err != nil {
		r.reset()
	}
	return err
}

// minBuffer is the smallest buffer, in bytes: mem counts references only above
// 1 KiB.
const minBuffer = 2 << 10

// pool is a mem.BufferPool of codec's buffers. Buffers are cleared when they
// are returned, because they held plaintext.
type pool struct{}

// bufferPool has the buffers in which replies are encoded.
var bufferPool pool

// Pool returns the pool in which a server must receive messages: its buffers
// are cleared when they are freed.
func Pool() mem.BufferPool { return bufferPool }

// Get returns a buffer of length n. Its bytes are zero.
func (pool) Get(n int) *[]byte {
	b := codec.GetBuffer(max(n, minBuffer))
	*b = (*b)[:n]
	return b
}

// Put clears a buffer from Get, or a prefix of one, and keeps it for Get.
func (pool) Put(b *[]byte) { codec.PutBuffer(b) }
