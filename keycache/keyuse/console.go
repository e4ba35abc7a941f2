package keyuse

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// openConsole writes each key use as one JSON object on a line. What w takes is
// acknowledged.
func openConsole(w io.Writer) exporter {
	export := func(_ context.Context, req *request) (answer, error) {
		var lines []byte
		var err error
		eachField(req.body, func(_ protowire.Number, _ uint64, span []byte) {
			line, e := json.Marshal(decodeSpan(span))
			if e != nil {
				err = e
			}
			lines = append(append(lines, line...), '\n')
		})
		if err == nil {
			_, err = w.Write(lines)
		}
		return answer{}, err
	}
	return exporter{export, func() error { return nil }}
}

// decodeSpan reads the fields that appendSpans writes.
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
