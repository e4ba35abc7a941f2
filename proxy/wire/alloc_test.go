//go:build !race

package wire

import "testing"

// One exchange with headers and a body, decoded and answered, as the codec sees
// it. The two allocations are the list of buffers of each reply that is not
// constant.
func TestExchangeAllocations(t *testing.T) {
	headers := frames(marshal(t, messages(t)["request headers"]))
	body := frames(marshal(t, bodyRequest(64<<10)))
	setLength := []Header{{Name: "content-length", Value: "65536"}}
	release := func() {}
	reply := new(Reply)
	exchange := func() {
		r := requests.Get().(*Request)
		if err := testCodec.Unmarshal(headers, r); err != nil {
			t.Fatal(err)
		}
		for name := range r.Headers {
			_ = name
		}
		r.Free()
		*reply = Reply{Phase: RequestHeaders}
		answer(t, reply)
		*reply = Reply{Phase: RequestHeaders, Set: setLength}
		answer(t, reply)
		r = requests.Get().(*Request)
		if err := testCodec.Unmarshal(body, r); err != nil {
			t.Fatal(err)
		}
		*reply = Reply{Phase: RequestBody, Body: BodyReplaced, Segments: r.Body(), Set: setLength, Release: release}
		answer(t, reply)
		r.Free()
	}
	exchange() // fill the pools
	if n := testing.AllocsPerRun(200, exchange); n > 2 {
		t.Errorf("%v allocations per exchange, want at most 2", n)
	}
}

func answer(t *testing.T, r *Reply) {
	out, err := testCodec.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	out.Free()
}
