package codec

import "testing"

func TestLiteralText(t *testing.T) {
	for _, tc := range []struct {
		literal, want string
		ok            bool
	}{
		{`1`, "1", true}, {`-1.5e+3`, "-1.5e+3", true}, {`true`, "true", true}, {`false`, "false", true},
		{`"a"`, "a", true}, {`""`, "", true}, {`"\u00e9\n\/\ud83d\ude00"`, "é\n/😀", true},
		{`"\ud83d"`, "", false}, {`"\ud83dx"`, "", false}, {`"\ude00\ud83d"`, "", false},
		{`null`, "", false}, {`{}`, "", false}, {`[1]`, "", false},
		{``, "", false}, {` 1`, "", false}, {`1,2`, "", false}, {`"\`, "", false}, {`"a" `, "", false},
	} {
		got, ok := LiteralText([]byte("x"), []byte(tc.literal))
		if ok != tc.ok || ok && string(got) != "x"+tc.want {
			t.Errorf("%s: %q, %v", tc.literal, got, ok)
		}
	}
}
