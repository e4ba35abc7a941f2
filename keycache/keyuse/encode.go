package keyuse

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// Names that readers of the spans see. They are permanent.
const (
	spanName = "sealmesh.key_use"

	outcomeOK    = "ok"
	outcomeError = "error"
)

// Limits of one span. Longer names are cut visibly, with a trailing "…", so
// that no caller can make a span larger than its reservation.
const (
	maxName   = 128 // bytes of a configured name
	maxCaller = 512
	maxWord   = 48  // operation, suite, cache, direction, format, error type
	maxTags   = 512 // bytes of all tag names with their framing
	// maxSpan is the largest encoded span; a test checks the worst case.
	maxSpan = 2 << 10
)

// Field tags of opentelemetry.proto.trace.v1.Span (OTLP 1.11), and of the
// messages inside: number<<3 | wire type.
const (
	tagSpan       = 2<<3 | 2 // ScopeSpans.spans
	tagTraceID    = 1<<3 | 2
	tagSpanID     = 2<<3 | 2
	tagParent     = 4<<3 | 2
	tagName       = 5<<3 | 2
	tagKind       = 6<<3 | 0
	tagStart      = 7<<3 | 1
	tagEnd        = 8<<3 | 1
	tagAttribute  = 9<<3 | 2
	tagStatus     = 15<<3 | 2
	tagFlags      = 16<<3 | 5 // needs a two-byte varint
	tagStatusCode = 3<<3 | 0
	tagKey        = 1<<3 | 2 // KeyValue.key
	tagValue      = 2<<3 | 2 // KeyValue.value
	tagString     = 1<<3 | 2 // AnyValue.string_value
	tagBool       = 2<<3 | 0 // AnyValue.bool_value
	tagInt        = 3<<3 | 0 // AnyValue.int_value
	tagArray      = 5<<3 | 2 // AnyValue.array_value
	tagElement    = 1<<3 | 2 // ArrayValue.values

	kindInternal = 1
	statusError  = 2
	// Sampled, and it is known whether the parent is remote; remote when there
	// is one.
	flagsRoot  = 0x01 | 0x100
	flagsChild = flagsRoot | 0x200
)

// appendSpans appends one ScopeSpans.spans field per use. The common part of an
// exchange is encoded once and copied for further uses.
func appendSpans(b []byte, x *Exchange, uses []Use) []byte {
	common := 0 // offset of the common part in the first span
	end := 0
	for i := range uses {
		b = slices.Grow(b, maxSpan+slack)
		at := len(b)
		b = append(b, tagSpan, 0, 0)
		if i == 0 {
			common = len(b)
			b = appendCommon(b, x)
			end = len(b)
		} else {
			b = append(b, b[common:end]...)
		}
		b = appendUse(b, &uses[i])
		// A span has 128 to maxSpan bytes: its length takes two varint bytes.
		n := len(b) - at - 3
		b[at+1], b[at+2] = byte(n)|0x80, byte(n>>7)
	}
	return b
}

// appendCommon appends the fields that all uses of an exchange share.
func appendCommon(b []byte, x *Exchange) []byte {
	trace, flags := x.TraceID, uint32(flagsRoot)
	if trace == ([16]byte{}) {
		binary.BigEndian.PutUint64(trace[:8], rand.Uint64())
		binary.BigEndian.PutUint64(trace[8:], rand.Uint64()|1) // all zero is not a trace id
	}
	b = append(b, tagTraceID, 16)
	b = append(b, trace[:]...)
	if x.ParentID != ([8]byte{}) {
		flags = flagsChild
		b = append(b, tagParent, 8)
		b = append(b, x.ParentID[:]...)
	}
	b = append(b, tagName, byte(len(spanName)))
	b = append(b, spanName...)
	b = append(b, tagKind, kindInternal, tagFlags&0x7f|0x80, tagFlags>>7)
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = routeAttr.appendString(b, x.Route, maxName)
	b = directionAttr.appendString(b, x.Direction, maxWord)
	b = formatAttr.appendString(b, x.Format, maxWord)
	b = placeAttr.appendString(b, x.Place, maxWord)
	return callerAttr.appendString(b, x.Caller, maxCaller)
}

// appendUse appends the fields of one use.
func appendUse(b []byte, u *Use) []byte {
	b = append(b, tagSpanID, 8)
	b = binary.BigEndian.AppendUint64(b, rand.Uint64()|1) // all zero is not a span id
	b = append(b, tagStart)
	b = binary.LittleEndian.AppendUint64(b, uint64(max(0, u.Start)))
	b = append(b, tagEnd)
	b = binary.LittleEndian.AppendUint64(b, uint64(max(0, u.End)))
	b = keyNameAttr.appendString(b, u.Key, maxName)
	b = appendDataKey(b, &u.DataKey)
	b = operationAttr.appendString(b, u.Operation, maxWord)
	b = suiteAttr.appendString(b, u.Suite, maxWord)
	b = appendTags(b, u.Tags)
	b = fieldsAttr.appendInt(b, int64(u.Fields))
	b = bytesAttr.appendInt(b, u.Bytes)
	b = cacheAttr.appendString(b, u.Cache, maxWord)
	if u.Partial {
		b = partialAttr.appendTrue(b)
	}
	if u.Aggregate {
		b = aggregateAttr.appendTrue(b)
	}
	if u.ErrorType == "" {
		b = outcomeAttr.appendString(b, outcomeOK, maxWord)
		return append(b, tagStatus, 0)
	}
	b = outcomeAttr.appendString(b, outcomeError, maxWord)
	b = errorAttr.appendString(b, u.ErrorType, maxWord)
	return append(b, tagStatus, 2, tagStatusCode, statusError)
}
