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

// inapplicable says why h2spec's test of that name cannot pass: each is a GET, which gRPC
// answers with 405 at once.
var inapplicable = map[string]string{}

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
	c := &config.Config{
		Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Path: method,
		Timeout: time.Second, MaxHeaderLen: 4000,
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

func conform(t *testing.T, c *config.Config, group *spec.TestGroup, ran map[string]bool) {
	for i, test := range append(group.Tests, group.StrictTests...) {
		name := fmt.Sprintf("%s/%d", group.ID(), i+1)
		ran[name] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := spec.Dial(c)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			err = test.Run(c, conn)
			if why := inapplicable[name]; (why != "") != (err != nil) {
				t.Errorf("%s: %v, inapplicable because: %q", test.Desc, err, why)
			}
		})
	}
	for _, g := range group.Groups {
		conform(t, c, g, ran)
	}
}
