package codec

import (
	"bytes"
	"testing"
)

func TestSmoke(t *testing.T) {
	sel, err := NewSelector([]Rule{{Path: "$.a"}, {Path: "$..b"}, {Path: "$.c", Unescape: true}})
	if err != nil {
		t.Fatal(err)
	}
	in := []byte(` {"a" : "x","d":[1,{"b":2.5e3},{"\u0062":{"b":1}}],"c":"q\"\ud83d\ude00","a":"t\n", "z":"\ud800é"} `)
	for step := 1; step <= len(in); step++ {
		var out Output
		w := newJSON(sel, func(dst []byte, batch []Field) ([]byte, Kind, error) {
			f := batch[0]
			return append(append(append(dst, '<'), f.Value...), '>'), Text, nil
		}, Limits{})
		for p := in; len(p) > 0; p = p[min(step, len(p)):] {
			if err := w.Write(&out, p[:min(step, len(p))]); err != nil {
				t.Fatal(step, err)
			}
		}
		if err := w.Close(&out); err != nil {
			t.Fatal(err)
		}
		w.Free()
		got := string(bytes.Join(out.Segments(), nil))
		want := ` {"a" : "<x>","d":[1,{"b":"<2.5e3>"},{"\u0062":"<{\"b\":1}>"}],"c":"<q\"😀>","a":"<\"t\\n\">", "z":"\ud800é"} `
		if got != want {
			t.Fatalf("step %d\n got %s\nwant %s", step, got, want)
		}
	}
}
