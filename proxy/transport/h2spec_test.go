package transport_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

const (
	wantsData = "a GET is answered with 405 and no DATA"
	wantsOpen = "a GET is answered with 405 at once, so that the stream is not open"
	wantsType = "a POST that is not gRPC is answered with 415 at once, so that the stream is not open"
)

// inapplicable says why a test of h2spec does not pass, which is skipped there
// (the first four) or fails. What it is about is proven on a gRPC stream by the
// test named behind.
var inapplicable = map[string]string{
	"http2/6.5.3/1":   wantsData, // TestSettingsApplyInOrder
	"http2/6.9.1/1":   wantsData, // TestWindowOfOneByte
	"http2/6.9.2/1":   wantsData, // TestInitialWindowMovesOpenStreams
	"http2/6.9.2/2":   wantsData, // TestInitialWindowMovesOpenStreams
	"generic/2/2":     wantsData, // TestHalfClosedStreamTakes
	"generic/2/3":     wantsData, // TestHalfClosedStreamTakes
	"http2/6.9.1/3":   wantsOpen, // TestWindowOverflow
	"http2/5.1.2/1":   wantsOpen, // TestStreamLimit
	"http2/8.1.2.6/1": wantsType, // TestContentLength
	"http2/8.1.2.6/2": wantsType, // TestContentLength
}

// TestH2spec runs the conformance tests of h2spec against the server.
func TestH2spec(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := transport.New(options(t))
	register(s, echo)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	c := config.Config{
		Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Path: method,
		Timeout: time.Minute, MaxHeaderLen: 4000,
	}
	ran := make(map[string]bool)
	for _, group := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		conform(t, c, group, ran)
	}
	for name := range inapplicable {
		if !ran[name] {
			t.Errorf("there is no test %s", name)
		}
	}
}

func conform(t *testing.T, c config.Config, group *spec.TestGroup, ran map[string]bool) {
	for i, test := range append(group.Tests, group.StrictTests...) {
		name := fmt.Sprintf("%s/%d", group.ID(), i+1)
		ran[name] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c
			if inapplicable[name] != "" {
				c.Timeout = time.Second / 4 // it waits for what does not come
			}
			conn, err := spec.Dial(&c)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			err = test.Run(&c, conn)
			if why := inapplicable[name]; (why != "") != (err != nil) {
				t.Errorf("%s: %v, inapplicable because: %q", test.Desc, err, why)
			}
		})
	}
	for _, g := range group.Groups {
		conform(t, c, g, ran)
	}
}
