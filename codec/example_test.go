package codec_test

import (
	"bytes"
	"fmt"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
)

// A body in two chunks is rewritten. The chunks cut a tagged value, which is
// replaced once all of it is there. Every other byte leaves as it came.
func ExampleWriter() {
	// When the policy is compiled.
	sel, err := codec.NewSelector([]codec.Rule{{Path: "$..ssn"}})
	if err != nil {
		panic(err)
	}
	found := formats.Table().Detect("application/json; charset=utf-8")
	checked, err := found.Format.Check(sel, codec.Options{})
	if err != nil {
		panic(err)
	}

	// When a body begins. A real Transform seals the value.
	mask := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
		if batch[0].Null {
			return dst, 0, codec.ErrKeep
		}
		return append(dst, "***"...), codec.Text, nil
	}
	w, err := found.Format.New(codec.Body{
		At: sel.Root(), Checked: checked, Transform: mask, Params: found.Params, Method: "POST",
	})
	if err != nil {
		panic(err)
	}
	defer w.Free()

	var out codec.Output
	defer out.Reset()
	for _, chunk := range []string{`{"name": "Ada", "ssn": "078-0`, `5-1120", "old": {"ssn": null}}`} {
		if err := w.Write(&out, []byte(chunk)); err != nil {
			panic(err)
		}
		fmt.Println(out.Len(), "bytes can leave")
	}
	if err := w.Close(&out); err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", bytes.Join(out.Segments(), nil))
	// Output:
	// 23 bytes can leave
	// 51 bytes can leave
	// {"name": "Ada", "ssn": "***", "old": {"ssn": null}}
}
