//go:build !race

package proxy

import (
	"testing"

	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// The heap allocations of one exchange that are this module's own, whatever
// gRPC and the client cost: what an exchange costs beyond one whose messages
// are read and let pass.
func TestAllocationsOfAnExchange(t *testing.T) {
	const most = 16
	conn := serveBenchmark(t)
	body := fiveFields()
	msgs := encode(t, jsonType, body, sealOnce(t, conn, jsonType, body))
	bare := serve(t, t.TempDir(), func(g grpc.ServiceRegistrar) { wire.Register(g, letPass) })
	ours := testing.AllocsPerRun(2000, func() { exchangeOnce(t, conn, msgs) })
	theirs := testing.AllocsPerRun(2000, func() { exchangeOnce(t, bare, msgs) })
	t.Logf("%.0f allocations, of which %.0f are gRPC's and the client's", ours, theirs)
	if own := ours - theirs; own > most {
		t.Errorf("an exchange of five values both ways costs %.0f allocations of our own, more than %d", own, most)
	}
}

// letPass answers every message with as little as can be.
func letPass(s *wire.Stream) error {
	var reply wire.Reply
	for {
		req, err := s.Recv()
		if err != nil {
			return err
		}
		reply.Phase = req.Phase
		req.Free()
		if err := s.Send(&reply); err != nil {
			return err
		}
	}
}
