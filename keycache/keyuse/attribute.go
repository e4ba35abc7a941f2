package keyuse

import (
	"encoding/binary"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
)

// An attribute is the encoded beginning of a Span.attributes field:
//
//	tagAttribute, length of the pair, tagKey, length of the name, name, tagValue
//
// It is always copied whole, as 32 bytes, and the following bytes overwrite the
// excess. That is three times as fast as appending piece by piece.
type attribute struct {
	start [slack]byte
	n     int
}

const (
	slack  = 32            // bytes that may be written past the end of a span
	maxKey = slack - 4 - 1 // longest name of an attribute
	// short is the longest value whose enclosing lengths all fit in one varint
	// byte.
	short = 127 - maxKey - 8
)

// named encodes the beginning of an attribute.
func named(name string) *attribute {
	a := &attribute{n: 5 + len(name)}
	copy(a.start[:], []byte{tagAttribute, 0, tagKey, byte(len(name))})
	a.start[4+copy(a.start[4:], name)] = tagValue
	return a
}

// The attributes of a key use. Read only.
var (
	routeAttr     = named("sealmesh.route")
	directionAttr = named("sealmesh.direction")
	formatAttr    = named("sealmesh.format")
	placeAttr     = named("sealmesh.place")
	callerAttr    = named("sealmesh.caller")
	keyNameAttr   = named("sealmesh.key.name")
	dataKeyAttr   = named("sealmesh.data_key.id")
	operationAttr = named("sealmesh.operation")
	suiteAttr     = named("sealmesh.suite")
	tagsAttr      = named("sealmesh.tags")
	fieldsAttr    = named("sealmesh.fields")
	bytesAttr     = named("sealmesh.bytes")
	cacheAttr     = named("sealmesh.cache")
	partialAttr   = named("sealmesh.partial")
	aggregateAttr = named("sealmesh.aggregate")
	outcomeAttr   = named("sealmesh.outcome")
	errorAttr     = named("error.type")
)

// begin appends the beginning of an attribute and room for an AnyValue of size
// bytes, at most short+4. b has capacity for slack more bytes.
func (a *attribute) begin(b []byte, size int) (whole, value []byte) {
	at := len(b)
	end := at + a.n + 1 + size
	*(*[slack]byte)(b[at : at+slack]) = a.start
	b = b[:end]
	b[at+1] = byte(a.n - 2 + 1 + size)
	b[at+a.n] = byte(size)
	return b, b[at+a.n+1 : end]
}

// beginLong is begin for any size. It makes no room.
func (a *attribute) beginLong(b []byte, size int) []byte {
	b = append(b, tagAttribute)
	b = appendVarint(b, a.n-2+varintLen(size)+size)
	b = append(b, a.start[2:a.n]...)
	return appendVarint(b, size)
}

// appendString appends a string attribute, or nothing if value is empty.
func (a *attribute) appendString(b []byte, value string, limit int) []byte {
	if value == "" {
		return b
	}
	// Values with the limit maxWord are our own ASCII constants.
	if len(value) > limit || limit != maxWord && !otlp.Valid(value) {
		value = otlp.Fit(value, limit)
	}
	if n := len(value); n <= short {
		b, v := a.begin(b, 2+n)
		v[0], v[1] = tagString, byte(n)
		copy(v[2:], value)
		return b
	}
	b = a.beginLong(b, 1+varintLen(len(value))+len(value))
	return appendText(b, tagString, value)
}

// appendInt appends an integer attribute.
func (a *attribute) appendInt(b []byte, value int64) []byte {
	if uint64(value) < 0x80 {
		b, v := a.begin(b, 2)
		v[0], v[1] = tagInt, byte(value)
		return b
	}
	n := 1
	for w := uint64(value); w >= 0x80; w >>= 7 {
		n++
	}
	b = a.beginLong(b, 1+n)
	b = append(b, tagInt)
	return binary.AppendUvarint(b, uint64(value))
}

// appendTrue appends a boolean attribute that is true.
func (a *attribute) appendTrue(b []byte) []byte {
	b, v := a.begin(b, 2)
	v[0], v[1] = tagBool, 1
	return b
}

// appendDataKey appends the id of a data key in hexadecimal, or nothing if the
// id is zero: the use failed before a key was known.
func appendDataKey(b []byte, id *[16]byte) []byte {
	if *id == ([16]byte{}) {
		return b
	}
	const digits = "0123456789abcdef"
	b, v := dataKeyAttr.begin(b, 2+32)
	v[0], v[1] = tagString, 32
	text := (*[32]byte)(v[2:])
	for i, c := range id {
		text[2*i], text[2*i+1] = digits[c>>4], digits[c&15]
	}
	return b
}

// appendTags appends an array of strings. One "…" replaces the names beyond
// maxTags.
func appendTags(b []byte, tags []string) []byte {
	if len(tags) == 0 {
		return b
	}
	size, n := 0, 0
	for ; n < len(tags); n++ {
		e := elementLen(len(tags[n]))
		if size+e > maxTags || len(tags[n]) > maxName || !otlp.Valid(tags[n]) {
			break
		}
		size += e
	}
	rest := n < len(tags)
	if rest {
		size += elementLen(len(otlp.Ellipsis))
	}
	b = tagsAttr.beginLong(b, 1+varintLen(size)+size)
	b = append(b, tagArray)
	b = appendVarint(b, size)
	for _, tag := range tags[:n] {
		b = appendElement(b, tag)
	}
	if rest {
		b = appendElement(b, otlp.Ellipsis)
	}
	return b
}

// elementLen is the encoded length of a string of n bytes in an ArrayValue.
func elementLen(n int) int {
	if n <= short {
		return 4 + n
	}
	value := 1 + varintLen(n) + n
	return 1 + varintLen(value) + value
}

func appendElement(b []byte, s string) []byte {
	if n := len(s); n <= short {
		b = append(b, tagElement, byte(n+2), tagString, byte(n))
		return append(b, s...)
	}
	b = append(b, tagElement)
	b = appendVarint(b, 1+varintLen(len(s))+len(s))
	return appendText(b, tagString, s)
}

func appendText(b []byte, tag byte, s string) []byte {
	b = append(b, tag)
	b = appendVarint(b, len(s))
	return append(b, s...)
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
