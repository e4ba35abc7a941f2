package form

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/json"
)

// sealedText is as long as an envelope, by reference, of 16 characters.
var sealedText = "sm1." + strings.Repeat("A", 99)

func seal(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, sealedText...), codec.Text, nil
}

// users makes a form of about n bytes, as browsers write it, in which the first
// users have a tagged value.
func users(n, tagged int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		if i > 0 {
			b.WriteByte('&')
		}
		name := "ssn"
		if i >= tagged {
			name = "ssm"
		}
		fmt.Fprintf(&b, "id=%d&name=J%%C3%%B6rg+M%%C3%%BCller&active=true&%s=%03d-45-6789&note=leave+at+the+door%%2C+please&", i, name, i%1000)
		fmt.Fprintf(&b, "sku=A-%d&qty=%d&price=%d.95&city=Z%%C3%%BCrich&street=12+Long+Lane&tags=a&email=a%d%%40example.com", i, i%9, i, i)
	}
	return b.String()
}

// BenchmarkBody is the work on a form, and what net/url needs to parse and
// write the same form. BenchmarkBody/json is our reading of the same values in
// JSON.
func BenchmarkBody(b *testing.B) {
	for _, c := range []struct {
		size, tagged int
	}{{2 << 10, 0}, {2 << 10, 5}, {100 << 10, 0}} {
		body := users(c.size, c.tagged)
		name := fmt.Sprintf("%dKiB/%dfields", c.size>>10, c.tagged)
		b.Run(name, func(b *testing.B) { benchmark(b, &Format, "$.ssn", body) })
		b.Run(name+"/net-url", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				v, err := url.ParseQuery(body)
				if err != nil || v.Encode() == "" {
					b.Fatal(err)
				}
			}
		})
		asJSON := jsonOf(body)
		b.Run(name+"/json", func(b *testing.B) { benchmark(b, &json.Format, "$.ssn", asJSON) })
	}
	path := strings.ReplaceAll(users(2<<10, 5), "&ssn=", "&user%5Bssn%5D=")
	b.Run("2KiB/brackets", func(b *testing.B) { benchmark(b, &Format, "$.user.ssn", path) })
}

// jsonOf writes the pairs of a form as an object.
func jsonOf(body string) string {
	var b strings.Builder
	for i, pair := range strings.Split(body, "&") {
		name, value, _ := strings.Cut(pair, "=")
		value, _ = url.QueryUnescape(value)
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%q", name, value)
	}
	return "{" + b.String() + "}"
}

func benchmark(b *testing.B, f *codec.Format, path, body string) {
	sel := codectest.Select(b, codec.Rule{Path: path}).Guarded(codec.Guard{Method: true, Envelope: func([]byte) bool { return false }})
	doc, err := codectest.NewBody(f, sel, seal, codec.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	codectest.Benchmark(b, f, doc, []byte(body))
}
