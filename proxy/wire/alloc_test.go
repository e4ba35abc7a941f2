//go:build !race

package wire

import "testing"

// One exchange with headers and a body, decoded and answered, as the codec sees it. The
// two allocations are the list of buffers of each reply that is not constant.
func TestExchangeAllocations(t *testing.T) {
	headers := frames(marshal(t, messages(t)["request headers"]))
	body := frames(marshal(t, bodyRequest(64<<10)))
	setLength := []Header{{"content-length", "65536"}}
	release := func() {}
	exchange := func() {
		r := requests.Get().(*Request)
		if err := testCodec.Unmarshal(headers, r); err != nil {
			t.Fatal(err)
		}
		for name := range r.Headers {
			_ = name
		}
		r.Free()
		answer(t, &Reply{Phase: RequestHeaders})
		answer(t, &Reply{Phase: RequestHeaders, Set: setLength})
		r = requests.Get().(*Request)
		if err := testCodec.Unmarshal(body, r); err != nil {
			t.Fatal(err)
		}
		answer(t, &Reply{Phase: RequestBody, Body: BodyReplaced, Segments: r.Body(), Set: setLength, Release: release})
		r.Free()
	}
	exchange() // fill the pools
	if n := testing.AllocsPerRun(200, exchange); n > 4 {
		t.Errorf("%v allocations per exchange, want at most 4", n)
	}
}

func answer(t *testing.T, r *Reply) {
	out, err := testCodec.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	out.Free()
}
