package keyuse

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"unicode/utf8"
)

// Names that a reader of the spans sees. They are permanent.
const (
	spanName  = "sealmesh.key_use"
	scopeName = "github.com/sealmesh/sealmesh/keycache/keyuse"

	outcomeOK    = "ok"
	outcomeError = "error"
)

// Bounds of one span. Names are cut visibly, with a trailing "…", so that no
// caller can make a span that a reservation does not cover.
const (
	maxName   = 128 // bytes of a configured name
	maxCaller = 512
	maxWord   = 48  // operation, suite, cache, direction, error type
	maxTags   = 512 // bytes of all tag names with their framing
	// maxSpan bounds one encoded span; a test holds it against the worst case.
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
	tagInt        = 3<<3 | 0 // AnyValue.int_value
	tagArray      = 5<<3 | 2 // AnyValue.array_value
	tagElement    = 1<<3 | 2 // ArrayValue.values

	kindInternal = 1
	statusError  = 2
	// Sampled, and it is known whether the parent is remote; remote when there is one.
	flagsRoot  = 0x01 | 0x100
	flagsChild = flagsRoot | 0x200
)

// appendSpans appends one ScopeSpans.spans field per use. What the uses of an
// exchange have in common is encoded once and copied for the others.
func appendSpans(b []byte, x *Exchange, uses []Use) []byte {
	common := 0 // where the common part of the first span lies
	end := 0
	for i := range uses {
		b = slices.Grow(b, maxSpan)
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
		// A span is between 128 bytes and maxSpan: its length takes two varint bytes.
		n := len(b) - at - 3
		b[at+1], b[at+2] = byte(n)|0x80, byte(n>>7)
	}
	return b
}

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
	b = appendString(b, "sealmesh.route", x.Route, maxName)
	b = appendString(b, "sealmesh.direction", x.Direction, maxWord)
	return appendString(b, "sealmesh.caller", x.Caller, maxCaller)
}

func appendUse(b []byte, u *Use) []byte {
	b = append(b, tagSpanID, 8)
	b = binary.BigEndian.AppendUint64(b, rand.Uint64()|1) // all zero is not a span id
	b = append(b, tagStart)
	b = binary.LittleEndian.AppendUint64(b, uint64(max(0, u.Start)))
	b = append(b, tagEnd)
	b = binary.LittleEndian.AppendUint64(b, uint64(max(0, u.End)))
	b = appendString(b, "sealmesh.key.name", u.Key, maxName)
	b = appendDataKey(b, &u.DataKey)
	b = appendString(b, "sealmesh.operation", u.Operation, maxWord)
	b = appendString(b, "sealmesh.suite", u.Suite, maxWord)
	b = appendTags(b, u.Tags)
	b = appendInt(b, "sealmesh.fields", int64(u.Fields))
	b = appendInt(b, "sealmesh.bytes", u.Bytes)
	b = appendString(b, "sealmesh.cache", u.Cache, maxWord)
	if u.ErrorType == "" {
		b = appendString(b, "sealmesh.outcome", outcomeOK, maxWord)
		return append(b, tagStatus, 0)
	}
	b = appendString(b, "sealmesh.outcome", outcomeError, maxWord)
	b = appendString(b, "error.type", u.ErrorType, maxWord)
	return append(b, tagStatus, 2, tagStatusCode, statusError)
}

// appendString appends a string attribute, or nothing when value is empty.
func appendString(b []byte, key, value string, limit int) []byte {
	if value == "" {
		return b
	}
	if len(value) > limit || !utf8.ValidString(value) {
		value = mend(value, limit)
	}
	any := 1 + varintLen(len(value)) + len(value)
	b = appendKey(b, key, any)
	b = append(b, tagString)
	b = appendVarint(b, len(value))
	return append(b, value...)
}

func appendInt(b []byte, key string, value int64) []byte {
	v := uint64(value)
	n := 1
	for w := v; w >= 0x80; w >>= 7 {
		n++
	}
	b = appendKey(b, key, 1+n)
	b = append(b, tagInt)
	return binary.AppendUvarint(b, v)
}

// appendDataKey appends the id of a data key in hexadecimal; a zero id means
// that the use failed before a key was known.
func appendDataKey(b []byte, id *[16]byte) []byte {
	if *id == ([16]byte{}) {
		return b
	}
	const digits = "0123456789abcdef"
	b = appendKey(b, "sealmesh.data_key.id", 2+32)
	b = append(b, tagString, 32)
	for _, c := range id {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

// appendTags appends an array of strings. Names past maxTags are replaced by
// one "…".
func appendTags(b []byte, tags []string) []byte {
	if len(tags) == 0 {
		return b
	}
	size, n := 0, 0
	for ; n < len(tags); n++ {
		e := elementLen(len(tags[n]))
		if size+e > maxTags || len(tags[n]) > maxName || !utf8.ValidString(tags[n]) {
			break
		}
		size += e
	}
	rest := n < len(tags)
	if rest {
		size += elementLen(len(ellipsis))
	}
	b = appendKey(b, "sealmesh.tags", 1+varintLen(size)+size)
	b = append(b, tagArray)
	b = appendVarint(b, size)
	for _, tag := range tags[:n] {
		b = appendElement(b, tag)
	}
	if rest {
		b = appendElement(b, ellipsis)
	}
	return b
}

func elementLen(n int) int {
	any := 1 + varintLen(n) + n
	return 1 + varintLen(any) + any
}

func appendElement(b []byte, s string) []byte {
	b = append(b, tagElement)
	b = appendVarint(b, 1+varintLen(len(s))+len(s))
	b = append(b, tagString)
	b = appendVarint(b, len(s))
	return append(b, s...)
}

// appendKey begins an attribute whose AnyValue takes any bytes.
func appendKey(b []byte, key string, any int) []byte {
	b = append(b, tagAttribute)
	b = appendVarint(b, 2+len(key)+1+varintLen(any)+any)
	b = append(b, tagKey, byte(len(key)))
	b = append(b, key...)
	b = append(b, tagValue)
	return appendVarint(b, any)
}

func appendVarint(b []byte, n int) []byte {
	if n < 0x80 {
		return append(b, byte(n))
	}
	return binary.AppendUvarint(b, uint64(n))
}

func varintLen(n int) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}
