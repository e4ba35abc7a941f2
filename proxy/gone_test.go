package proxy

import (
	"context"
	"strings"
	"testing"

	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

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
	conn, err := grpc.NewClient("unix:"+r.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	defer conn.Close()
	ctx, leave := context.WithCancel(t.Context())
	s, err := pb.NewExternalProcessorClient(conn).Process(ctx)
	must(t, err)
	must(t, s.Send(first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none)))
	_, err = s.Recv()
	must(t, err)
	must(t, s.Send(reqBody(secretBody, true)))
	<-asked
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
