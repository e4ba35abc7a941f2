package otlp

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// openConsole writes each span as one JSON object on a line. A write without
// an error acknowledges.
func openConsole(w io.Writer) Exporter {
	export := func(_ context.Context, req *Request) (Answer, error) {
		var lines []byte
		for _, span := range req.Decode() {
			line, err := json.Marshal(span)
			if err != nil {
				return Answer{}, err
			}
			lines = append(append(lines, line...), '\n')
		}
		_, err := w.Write(lines)
		return Answer{}, err
	}
	return Exporter{export, func() error { return nil }}
}

// Decode returns the spans of r as a person reads them: ids in hexadecimal,
// attributes by name. It knows only the fields that key uses have.
func (r *Request) Decode() (spans []map[string]any) {
	eachField(r.Body, func(_ protowire.Number, _ uint64, span []byte) { spans = append(spans, decodeSpan(span)) })
	return spans
}

func decodeSpan(span []byte) map[string]any {
	m := map[string]any{}
	eachField(span, func(num protowire.Number, v uint64, s []byte) {
		switch num {
		case 1:
			m["trace_id"] = hex.EncodeToString(s)
		case 2:
			m["span_id"] = hex.EncodeToString(s)
		case 4:
			m["parent_span_id"] = hex.EncodeToString(s)
		case 5:
			m["name"] = string(s)
		case 7:
			m["start"] = time.Unix(0, int64(v)).UTC()
		case 8:
			m["end"] = time.Unix(0, int64(v)).UTC()
		case 9:
			decodeAttribute(m, s)
		}
	})
	return m
}

func decodeAttribute(m map[string]any, pair []byte) {
	var name string
	eachField(pair, func(num protowire.Number, _ uint64, s []byte) {
		if num == 1 {
			name = string(s)
		} else {
			m[name] = decodeValue(s)
		}
	})
}

func decodeValue(value []byte) (v any) {
	eachField(value, func(num protowire.Number, n uint64, s []byte) {
		switch num {
		case 1:
			v = string(s)
		case 2:
			v = n != 0
		case 3:
			v = int64(n)
		case 5:
			array := []any{}
			eachField(s, func(_ protowire.Number, _ uint64, e []byte) { array = append(array, decodeValue(e)) })
			v = array
		}
	})
	return v
}
