package grpc

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// unframed is a message of a frame.
func unframed(frame string) string { return frame[min(head, len(frame)):] }

func TestUnaryConformance(t *testing.T) {
	c := corpus(t)
	unary := func(f func(int) string) func(int) string {
		return func(n int) string { return unframed(f(n)) }
	}
	nested := c.Nested
	c.Nested = func(n int) string { return unframed(nested(n + 1)) } // the message of the body is no level
	c.Value, c.Named = unary(c.Value), unary(c.Named)
	c.Many, c.Records, c.Wide = unary(c.Wide), false, nil
	c.Pad = func(body string, n int) string {
		if n == 0 {
			return body
		}
		return str(3, str(1, "xx")) + body[len(str(3, str(1, "x"))):]
	}
	c.Bodies = []string{"", str(1, "123-45-6789"), str(3, str(1, "x"), str(5, "y")) + "\x10\x05" + str(1, "z"), str(5, strings.Repeat("long ", 1000))}
	c.Refused = []string{"\x00", "\x0a", str(1, canary) + "\x0a\x05", str(99, canary), str(1, canary+"\xff"), "\x08\x01", frame(str(1, canary))}
	codectest.Run(t, &Unary, c)
}

// TestUnaryMethod: the path names the method, also with a query.
func TestUnaryMethod(t *testing.T) {
	for _, tc := range []struct {
		path      string
		direction codec.Direction
		body      string
		fields    int
		code      codec.Code
	}{
		{"Get", codec.Request, str(1, "a"), 1, ""},
		{"Get", codec.Response, str(1, "id") + str(2, "\xff"), 1, ""},
		{"Get?connect=v1&message=", codec.Response, str(2, "\xff"), 1, ""},
		{"Other", codec.Request, str(1, "a"), 0, codec.Unsupported},
		{"get", codec.Request, str(1, "a"), 0, codec.Unsupported},
	} {
		var seen []codectest.Seen
		b := bodyOf(t, &Unary, codectest.Record(&seen, codectest.Keep), codec.Rule{Path: "$.ssn"}, codec.Rule{Path: "$.token"})
		b.Path, b.Direction = "/test.Users/"+tc.path, tc.direction
		got, err := codectest.RewriteBody(&Unary, b, tc.body, nil)
		e, _ := errors.AsType[*codec.Error](err)
		if tc.code == "" && (err != nil || got != tc.body) || tc.code != "" && (e == nil || e.Code != tc.code || e.Format != "connect-unary") || len(seen) != tc.fields {
			t.Errorf("%s: %v, %v", tc.path, seen, err)
		}
	}
}
