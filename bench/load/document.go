package load

import (
	"bytes"
	"fmt"
)

// Field is the path of the values to protect in every document. Member is their
// name.
const (
	Field  = "$.records[*].card"
	Member = "card"
)

// NewDocument returns a JSON text of exactly size bytes with fields values of
// 16 characters to protect, spread evenly among records without any. The text
// is longer if the fields need more.
func NewDocument(size, fields int) []byte {
	const first, last = `{"records":[`, `],"page":1}`
	tagged := func(i int) string {
		return fmt.Sprintf(`{"id":%d,"card":"%016d"}`, i, uint64(i)*7919+4539148803436467)
	}
	plain := func(i int) string {
		return fmt.Sprintf(`{"id":%d,"name":"Jörg \"J\" Müller","city":"Zürich","active":true,"score":%d.5,"note":"leave at the door","tags":["a","bb"],"card_hint":null}`, i, i%97)
	}
	room := size - len(first) - len(last)
	for i := range fields {
		room -= len(tagged(i)) + 1
	}
	every := 1 << 30 // plain records to each tagged one
	if fields > 0 {
		every = max(room, 0) / (len(plain(100)) + 1) / fields
	}
	var b bytes.Buffer
	b.WriteString(first)
	put := func(s string) {
		if b.Len() > len(first) {
			b.WriteByte(',')
		}
		b.WriteString(s)
	}
	n := 0
	for i := range fields {
		put(tagged(i))
		for range every {
			if s := plain(n); len(s)+1 < room {
				put(s)
				room -= len(s) + 1
			}
			n++
		}
	}
	for s := plain(n); len(s)+1 < room; s = plain(n) {
		put(s)
		room -= len(s) + 1
		n++
	}
	b.WriteString(last)
	for b.Len() < size {
		b.WriteByte(' ')
	}
	return b.Bytes()
}
