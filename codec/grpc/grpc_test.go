package grpc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/protobuf"
)

func corpus(t testing.TB) codectest.Corpus {
	return codectest.Corpus{
		Options: options(t),
		Path:    chat,
		Rules:   []codec.Rule{{Path: "$.ssn"}, {Path: "$.friends[*].ssn"}, {Path: "$.labels.known"}, {Path: "$.token"}, {Path: "$..note", Unescape: true}},
		Bodies: []string{
			"", frame(), frame() + frame(),
			frame(str(1, "123-45-6789")),
			frame(str(1, "a")) + frame(str(1, "b"), "\x10\x05"),
			frame(str(3, str(1, "x")), str(3, str(5, "y"), str(1))) + frame() + frame(str(4, str(1, "known"), str(2, "v"))),
			frame(str(1, strings.Repeat(canary, 500))) + frame(str(5, strings.Repeat("long ", 1000))) + frame("\x10\x01"),
		},
		Refused: []string{
			"\x00", "\x00\x00\x00\x00", "\x00\x00\x00\x00\x01", frame(str(1, canary)) + "\x00\x00", frame(str(1, canary))[:7],
			"\x02\x00\x00\x00\x00", "\x80\x00\x00\x00\x00", "\x01\x00\x00\x00\x00", flagged(compressed, canary), "\x00\xff\xff\xff\xff",
			frame(str(1, canary)) + flagged(0x80, "grpc-status: 0\r\n"), frame(str(1, canary)) + frame("\x0a"), frame(str(99, canary)),
			frame(str(1, canary+"\xff")), frame(str(3, str(1, "a")+"\x0a\x05")), frame("\x08\x01"),
		},
		Value: func(n int) string { return frame(str(1, strings.Repeat("v", n))) },
		Nested: func(n int) string {
			s := ""
			for range n - 1 {
				s = str(3, s)
			}
			return frame(s)
		},
		Many:    func(n int) string { return strings.Repeat(frame(str(1, "x")), n) },
		Wide:    func(n int) string { return frame(strings.Repeat(str(3, str(1, "x")), n)) },
		Records: true,
		Named:   func(n int) string { return frame(str(4, str(1, strings.Repeat("n", n)), str(2, "v"))) },
		Pad: func(body string, n int) string {
			if n == 0 {
				return body
			}
			return frame(str(1, "xx")) + body[len(frame(str(1, "x"))):]
		},
	}
}

func TestConformance(t *testing.T) {
	for _, f := range []*codec.Format{&Format, &Web, &Connect} {
		t.Run(f.Name, func(t *testing.T) {
			c := corpus(t)
			if f == &Connect {
				c.Refused[5] = "\x03\x00\x00\x00\x00"
			}
			codectest.Run(t, f, c)
		})
	}
}

// TestFields: the method and the direction say what a message is.
func TestFields(t *testing.T) {
	user, reply := frame(str(1, "a"), str(5, "n")), frame(str(1, "id"), str(2, "\xff"), str(3, str(1, "b")))
	for _, tc := range []struct {
		path      string
		direction codec.Direction
		body      string
		want      string
	}{
		{"Get", codec.Request, user, "0 0 a"},
		{"Get", codec.Response, reply, "1 2 \xff|2 0 b"},
		{"Put", codec.Request, user + user, "0 0 a|0 0 a"},
		{"List", codec.Response, reply + frame() + reply, "1 2 \xff|2 0 b|1 2 \xff|2 0 b"},
		{"Hold", codec.Request, reply, "1 2 \xff|2 0 b"},
		{"Hold", codec.Response, user, "0 0 a"},
		{"Get", codec.Request, user + user, "grpc: body_malformed at byte 11: the method has one message, and the body has more"},
		{"List", codec.Request, user + user, "grpc: body_malformed at byte 11: the method has one message, and the body has more"},
		{"Put", codec.Response, reply + reply, "grpc: body_malformed at byte 17: the method has one message, and the body has more"},
		{"get", codec.Request, user, "grpc: format_unsupported at byte 0: the path names no method of the schema"},
		{"Get?a=b", codec.Request, user, "grpc: format_unsupported at byte 0: the path names no method of the schema"},
	} {
		var fields []codectest.Seen
		b := bodyOf(t, &Format, codectest.Record(&fields, codectest.Keep), codec.Rule{Path: "$.ssn"}, codec.Rule{Path: "$.token"}, codec.Rule{Path: "$.user.ssn"})
		b.Path, b.Direction = "/test.Users/"+tc.path, tc.direction
		for _, cuts := range [][]int{nil, codectest.Everywhere(len(tc.body), 1)} {
			fields = nil
			_, err := codectest.RewriteBody(&Format, b, tc.body, cuts)
			var all []string
			for _, f := range fields {
				all = append(all, fmt.Sprint(f.Rule, f.Kind)+" "+f.Value)
			}
			if err != nil {
				all = []string{err.Error()}
			}
			if got := strings.Join(all, "|"); got != tc.want {
				t.Errorf("%s: %s, want %s", tc.path, got, tc.want)
			}
		}
	}
}

// TestFrames: the length of a frame follows its message.
func TestFrames(t *testing.T) {
	for _, n := range []int{0, 1, 120, 250, 70_000} {
		put := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
			if string(batch[0].Value) == "keep" {
				return dst, 0, codec.ErrKeep
			}
			return append(dst, strings.Repeat("v", n)...), codec.Text, nil
		}
		b := bodyOf(t, &Format, put, codec.Rule{Path: "$..ssn"})
		of := func(v string) string {
			return frame("\x10\x01") + frame(str(1, v), str(3, str(3, str(1, v)), str(1, "keep"))) + frame(str(1, "keep")) + frame(str(1, v))
		}
		body, want := of("x"), of(strings.Repeat("v", n))
		for _, cuts := range [][]int{nil, codectest.Everywhere(len(body), 1), codectest.Everywhere(len(body), 9)} {
			if got, err := codectest.RewriteBody(&Format, b, body, cuts); err != nil || got != want {
				t.Fatalf("%d bytes: %.100q, %v", n, got, err)
			}
		}
	}
}

// TestLastFrames: responses of gRPC-Web and Connect end with a frame that is no
// message.
func TestLastFrames(t *testing.T) {
	const head = "sm1.AQGJxeVr9DANSoVUOVvS8SoA"
	message := frame(str(3, str(1, "a")))
	for _, tc := range []struct {
		format    *codec.Format
		direction codec.Direction
		body      string
		code      codec.Code // "" if it is read
	}{
		{&Web, codec.Response, message + flagged(0x80, "grpc-status: 0\r\n"), ""},
		{&Web, codec.Response, flagged(0x80, "grpc-status: 5\r\n"), ""},
		{&Web, codec.Response, message + flagged(0x80) + message, codec.Malformed},
		{&Web, codec.Response, message + flagged(0x80) + "\x00", codec.Truncated},
		{&Web, codec.Response, message + flagged(0x80) + flagged(0x80), codec.Malformed},
		{&Web, codec.Response, message + flagged(0x81), codec.Unsupported},
		{&Web, codec.Response, message + flagged(0x02), codec.Malformed},
		{&Web, codec.Response, message + flagged(0x80, "grpc-message: "+head), codec.EnvelopeFound},
		{&Web, codec.Request, flagged(0x80), codec.Malformed},
		{&Connect, codec.Response, message + flagged(0x02, "{}"), ""},
		{&Connect, codec.Response, message + flagged(0x02, "{}") + flagged(0x02, "{}"), codec.Malformed},
		{&Connect, codec.Response, message + flagged(0x03, "{}"), codec.Unsupported},
		{&Connect, codec.Response, message + flagged(0x80), codec.Malformed},
		{&Connect, codec.Request, flagged(0x02, "{}"), codec.Malformed},
		{&Format, codec.Response, message + flagged(0x80), codec.Malformed},
		{&Format, codec.Response, message + flagged(0x02), codec.Malformed},
		{&Format, codec.Response, flagged(0x01), codec.Unsupported},
	} {
		b := bodyOf(t, tc.format, codectest.Keep, codec.Rule{Path: "$.user.ssn"})
		sel := b.At.Selector().Guarded(codec.Guard{Envelope: func(text []byte) bool { return string(text) == head }})
		b.At, b.Direction = sel.Root(), tc.direction
		for _, cuts := range [][]int{nil, codectest.Everywhere(len(tc.body), 1)} {
			got, err := codectest.RewriteBody(tc.format, b, tc.body, cuts)
			e, _ := errors.AsType[*codec.Error](err)
			if tc.code == "" && (err != nil || got != tc.body) || tc.code != "" && (e == nil || e.Code != tc.code) {
				t.Errorf("%s, direction %d, %q: %v, want %s", tc.format.Name, tc.direction, tc.body, err, tc.code)
			}
		}
	}
}

// TestCheck: what a policy may say.
func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		path string
		o    codec.Options
		want string
	}{
		{"$.ssn", codec.Options{}, `setting "schema": must be the file of a FileDescriptorSet`},
		{"$.ssn", codec.Options{Schema: options(t).Schema, Settings: map[string]string{"message": "test.User"}}, `setting "message": the format has no such setting`},
		{"$.ssn", codec.Options{Schema: options(t).Schema, Settings: map[string]string{"unknown": ""}}, `setting "unknown": must be refuse or allow`},
		{"$.age", options(t), `path "$.age": at 0: ends at test.User.age, which is of type int32: only string and bytes can be sealed`},
		{"$.none", options(t), ""},
		{"$", options(t), `path "$": at 0: ends at test.User, which is a message: only string and bytes can be sealed`},
	} {
		_, err := Format.Check(codectest.Select(t, codec.Rule{Path: tc.path}), tc.o)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || err.Error() != tc.want) {
			t.Errorf("%s: %v, want %s", tc.path, err, tc.want)
		}
	}
	if _, err := Format.Check(codectest.Select(t), codec.Options{}); err != nil {
		t.Errorf("without rules: %v", err)
	}
}

// TestNew: what is refused before the first byte.
func TestNew(t *testing.T) {
	b := bodyOf(t, &Format, codectest.Keep, codec.Rule{Path: "$.ssn"})
	for name, tc := range map[string]struct {
		change func(*codec.Body)
		code   codec.Code
	}{
		"nothing":    {func(*codec.Body) {}, ""},
		"charset":    {func(b *codec.Body) { b.Params = "charset=utf-8" }, ""},
		"parameter":  {func(b *codec.Body) { b.Params = "encoding=gzip" }, codec.BadParams},
		"other path": {func(b *codec.Body) { b.Path = "/test.Users/Other" }, codec.Unsupported},
		"no path":    {func(b *codec.Body) { b.Path = "" }, codec.Unsupported},
		"array": {func(b *codec.Body) {
			b.At = b.At.Selector().Guarded(codec.Guard{Root: codec.ArrayRoot}).Root()
		}, codec.WrongRoot},
	} {
		doc := b
		tc.change(&doc)
		w, err := Format.New(doc)
		if e, _ := errors.AsType[*codec.Error](err); tc.code == "" && err != nil || tc.code != "" && (e == nil || e.Code != tc.code || e.Format != "grpc") {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			w.Free()
		}
	}
	b.Checked = nil
	if _, err := Format.New(b); !errors.Is(err, errUnchecked) {
		t.Error(err)
	}
	// Without rules any method is read.
	free := bodyOf(t, &Format, codectest.Keep)
	free.Path = "/other.Service/Method"
	if got, err := codectest.RewriteBody(&Format, free, frame("\x08\x01", str(9, "\xff")), nil); err != nil || got != frame("\x08\x01", str(9, "\xff")) {
		t.Error(err)
	}
}

// A message is held up to a limit, and a stream may have any number of them.
func TestHeldIsBounded(t *testing.T) {
	b := bodyOf(t, &Format, codectest.Keep, codec.Rule{Path: "$.ssn"})
	at, past := frame(str(5, strings.Repeat("p", protobuf.MaxMessage-5))), frame(str(5, strings.Repeat("p", protobuf.MaxMessage-4)))
	for _, step := range []int{1 << 30, 100_000} {
		if _, err := codectest.RewriteBody(&Format, b, at+at, codectest.Everywhere(2*len(at), step)); err != nil {
			t.Errorf("at the limit, by %d: %v", step, err)
		}
		_, err := codectest.RewriteBody(&Format, b, at+past, codectest.Everywhere(2*len(at), step))
		if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.TooLarge || e.Offset != int64(len(at)+1) {
			t.Errorf("past the limit, by %d: %v", step, err)
		}
	}
}
