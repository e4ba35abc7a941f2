package wire

import (
	"errors"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Codec returns the gRPC codec of ext_proc messages, which leaves all others to the
// generated code.
func Codec() encoding.CodecV2 { return messageCodec{encoding.GetCodecV2(proto.Name)} }

// NetworkCodec returns Codec for a google.golang.org/grpc server, which does not
// free what is queued for a connection that breaks: it copies replies, so that
// their segments are released when Send returns, and never later.
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

// messageCodec is an encoding.CodecV2 for *Request, *Reply and, through the embedded one, any
// protobuf message. It is stateless.
type messageCodec struct{ encoding.CodecV2 }

// Marshal encodes v; a *Reply without copying its large segments.
func (c messageCodec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(*Reply); ok {
		return r.marshal()
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal decodes v; a *Request without copying its body, by holding on to data until
// it is freed or decoded into again.
func (c messageCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*Request); ok {
		return r.unmarshal(data)
	}
	return c.CodecV2.Unmarshal(data, v)
}

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
