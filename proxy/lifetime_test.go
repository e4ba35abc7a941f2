package proxy

import (
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"

	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
)

var envelopeText = regexp.MustCompile(`sm1\.[A-Za-z0-9_-]+`)

// Nothing is cleared or used again while the transport may still read it:
// readers that are late leave replies queued in the transport, while other
// exchanges take and return buffers. Those are cleared when they return, so
// that one that returns early sends zeros, or the bytes of another exchange;
// and the race detector sees it, where it watches.
func TestBuffersOutliveTheirReplies(t *testing.T) {
	const exchanges, chunks = 8, 24
	r := newRig(t, rigOptions{policy: streamedPolicy})
	for _, path := range []string{"/seal/x", "/skip/x"} {
		var sent sync.WaitGroup // each has sent more than a stream's window holds
		sent.Add(exchanges)
		var done sync.WaitGroup
		for i := range exchanges {
			chunk := `{"pad":"` + strings.Repeat(string(rune('a'+i)), 10_000) + `","secret":"sm1.x"},`
			done.Go(func() {
				s := r.process(t, t.Context())
				go func() {
					_ = s.Send(first(reqHead(path, false, "content-type", jsonType), duplex, none))
					_ = s.Send(reqBody("[", false))
					for c := range chunks {
						if c == chunks/3 {
							sent.Done()
						}
						_ = s.Send(reqBody(chunk, false))
					}
					_ = s.Send(reqBody("0]", true))
				}()
				sent.Wait()
				want := "[" + strings.Repeat(chunk, chunks) + "0]"
				got := envelopeText.ReplaceAllString(receive(t, s), "sm1.x")
				if got != want {
					t.Errorf("%s: exchange %d got %d bytes back that are not the %d it sent", path, i, len(got), len(want))
				}
			})
		}
		done.Wait()
	}
}

// receive returns the body that s gives back.
func receive(t *testing.T, s pb.ExternalProcessor_ProcessClient) string {
	var body strings.Builder
	for {
		reply, err := s.Recv()
		if err != nil {
			t.Errorf("after %d bytes: %v", body.Len(), err)
			return body.String()
		}
		piece := reply.GetRequestBody().GetResponse().GetBodyMutation().GetStreamedResponse()
		body.Write(piece.GetBody())
		if piece.GetEndOfStream() {
			_ = s.CloseSend()
			_, err := s.Recv()
			if err != io.EOF {
				t.Errorf("ended with %v", err)
			}
			return body.String()
		}
	}
}
