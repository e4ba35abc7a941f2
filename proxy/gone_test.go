package proxy

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/hsm"
)

// stuck is a KEK that answers when it is let go.
type stuck struct {
	hsm.Provider
	asked chan<- struct{}
	letGo <-chan struct{}
}

func (s stuck) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	s.asked <- struct{}{}
	<-s.letGo
	return s.Provider.GenerateDataKey(ctx, ec)
}

// A client that leaves while its exchange waits for a key is no refusal and no
// outage, but the use that it asked for is on record.
func TestGoneWhileAKeyIsFetched(t *testing.T) {
	asked, letGo := make(chan struct{}, 8), make(chan struct{})
	r := newRig(t, rigOptions{provider: func(p hsm.Provider) hsm.Provider { return stuck{p, asked, letGo} }})
	ctx, leave := context.WithCancel(t.Context())
	s := r.process(t, ctx)
	must(t, s.Send(first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none)))
	_, err := s.Recv()
	must(t, err)
	must(t, s.Send(reqBody(secretBody, true)))
	<-asked
	r.reached("proxy.(*rewriter).transform")
	leave()
	r.idle()
	close(letGo)
	r.metrics.Route("seal").Refused(func(direction, code string, n uint64) {
		t.Errorf("counted as %d refusals: %s %s", n, direction, code)
	})
	if strings.Contains(r.log.String(), `"ERROR"`) {
		t.Errorf("logged as an error: %s", r.log)
	}
	if uses := r.uses(); len(uses) != 1 || uses[0].Attrs["error.type"] == nil {
		t.Errorf("key uses %v", uses)
	}
}

// One that leaves in the middle of a streamed body: what was sealed of it is on
// record, once.
func TestGoneInABody(t *testing.T) {
	for _, m := range []mode{streamed, duplex} {
		r := newRig(t, rigOptions{policy: streamedPolicy})
		ctx, leave := context.WithCancel(t.Context())
		s := r.process(t, ctx)
		for _, m := range []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), m, none), reqBody(`[{"secret":1},`, false), reqBody(`{"secret":2},`, false)} {
			must(t, s.Send(m))
			_, err := s.Recv()
			must(t, err)
		}
		leave()
		r.idle()
		uses, fields, failed := r.uses(), int64(0), any(nil)
		for _, use := range uses { // increments, of which the last says what became of the exchange
			fields += use.Attrs["sealmesh.fields"].(int64)
			failed = use.Attrs["error.type"]
		}
		if fields != 2 || failed != "exchange_failed" {
			t.Errorf("%v: key uses %v", m, uses)
		}
	}
}

// One that has been refused and does not leave is left.
func TestRefusedAndStays(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.server.closeTimeout = time.Millisecond
	s := r.process(t, t.Context())
	must(t, s.Send(first(reqHead("/nowhere", false), buffered, none)))
	reply, err := s.Recv()
	if err != nil || reply.GetImmediateResponse() == nil {
		t.Fatal(reply, err)
	}
	if _, err := s.Recv(); status.Code(err) != codes.Aborted {
		t.Errorf("ended with %v", err)
	}
	r.idle()
}
