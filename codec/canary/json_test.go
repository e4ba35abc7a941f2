package canary

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	sealjson "github.com/sealmesh/sealmesh/codec/json"
)

var (
	jsonNames = []string{
		`"ssn"`, `"ssn"`, `"s\u0073n"`, `"\u0073\u0073\u006E"`, `"SSN"`, `"ssn "`, `"user"`, `"list"`, `"a"`, `""`, `"__proto__"`, `"s\/sn"`, `"user.ssn"`,
	}
	oddJSONNames = []string{`'ssn'`, `ssn`, `"\ud800ssn"`, "\"s\xffsn\"", `"ssn"/**/`, `"ssn\u0000"`}
	jsonBits     = []string{
		`{`, `}`, `[`, `]`, `,`, `:`, `"`, `\`, `\u0000`, "\x00", "\xff", "\n", "\u2028", "\ufeff", "//\n", "/**/", "NaN", "Infinity", "-", "0x1", "1e", "'",
		"\xc3", `\"`, `"ssn":"` + canary + `",`, "\v", "\u00a0", "+1", ".5",
	}
)

func jsonValue(r *rand.Rand, depth int) string {
	blank := pick(r, "", "", "", " ", "\n")
	switch k := r.IntN(10); {
	case k < 3 && depth > 0:
		var members []string
		for range r.IntN(4) {
			members = append(members, blank+odd(r, jsonNames, oddJSONNames)+blank+":"+jsonValue(r, depth-1))
		}
		return "{" + strings.Join(members, ",") + "}"
	case k == 3 && depth > 0:
		return "[" + jsonValue(r, depth-1) + "," + jsonValue(r, depth-1) + "]"
	}
	return blank + pick(r, `"`+canary+`"`, `"`+canary+`"`, `"\u0043ANARY"`, `"`+canary+`\n"`, "1", "null", "true", `"x"`, `"é`+canary+`"`)
}

// jsonRecord is an object.
func jsonRecord(r *rand.Rand) []byte {
	var members []string
	for range 1 + r.IntN(4) {
		members = append(members, odd(r, jsonNames, oddJSONNames)+":"+jsonValue(r, 3))
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}

func jsonBody(r *rand.Rand) []byte {
	body := jsonRecord(r)
	switch r.IntN(40) {
	case 0:
		body = append([]byte("\ufeff"), body...)
	case 1: // Python's json.loads detects UTF-16
		var wide []byte
		for _, u := range utf16.Encode([]rune(string(body))) {
			wide = append(wide, byte(u), byte(u>>8))
		}
		return wide
	}
	return mutate(r, body, jsonBits)
}

// JSON, as its readers read it.
func TestJSON(t *testing.T) {
	requireReaders(t)
	run(t, format{
		name: "json", format: &sealjson.Format, generate: jsonBody, plain: `{"ssn":"` + canary + `"}`,
		rules: []string{"$.ssn", "$.user.ssn", "$.list[*].ssn"},
		readers: []reader{
			python(t, "json.loads", ""), python(t, "json.orjson", ""), node(t, "json.parse", ""), java(t, "json.jackson", ""), java(t, "json.gson", ""),
			php(t, "json"), ruby(t, "json", ""),
			inProcess("encoding/json", readJSON),
		},
	})
}

// readJSON reads JSON as most programs in Go do.
func readJSON(body []byte) []reading {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	return flat(nil, v, nil)
}

// flat adds the scalars in v to all, each with its path.
func flat(all []reading, v any, path []any) []reading {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			all = flat(all, member, append(path[:len(path):len(path)], name))
		}
		return all
	case []any:
		for i, element := range v {
			all = flat(all, element, append(path[:len(path):len(path)], float64(i)))
		}
		return all
	}
	return append(all, reading{path, fmt.Sprint(v)})
}
