package proxy

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Policies whose stamps differ: in the first one, requests to /new are of the
// route at /**, which seals nothing in them.
const (
	revisionBefore = `
version: 1
audit: best_effort
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: old, match: {path: /old}, request: {seal: {$.a: pii}}}
  - {name: rest, match: {path: /**}, skip: true}
`
	revisionAfter = `
version: 1
audit: best_effort
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: old, match: {path: /old}, request: {seal: {$.b: pii}}}
  - {name: new, match: {path: /new}, request: {seal: {$.a: pii}}}
  - {name: rest, match: {path: /**}, skip: true}
`
)

// A revisions is a rig whose server holds runtimes of several policies.
type revisions struct {
	*rig
	cache *keycache.Cache
}

// runtime returns a runtime of that policy, and counts in retired when it has
// been retired.
func (r *revisions) runtime(text string, retired *atomic.Int32) *Runtime {
	r.t.Helper()
	p, err := policy.Load("policy.yaml", []byte(text), os.LookupEnv, os.ReadFile)
	must(r.t, err)
	rt, err := NewRuntime(p, r.cache, r.metrics, func() { retired.Add(1) })
	must(r.t, err)
	return rt
}

// ask sends a request on a stream that names stamp, and returns what becomes of
// its body, or the code of a refusal.
func (r *revisions) ask(stamp, path string) string {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	s := r.process(r.t, ctx, grpc.WithAuthority(stamp))
	must(r.t, s.Send(first(reqHead(path, false, "content-type", jsonType), buffered, none)))
	reply, err := s.Recv()
	must(r.t, err)
	if refused := reply.GetImmediateResponse(); refused != nil {
		_, code, _ := strings.Cut(string(refused.GetBody()), `"code":"`)
		code, _, _ = strings.Cut(code, `"`)
		return code
	}
	must(r.t, s.Send(reqBody(`{"a":"1","b":"2"}`, true)))
	reply, err = s.Recv()
	must(r.t, err)
	body := string(reply.GetRequestBody().GetResponse().GetBodyMutation().GetBody())
	if body == "" {
		return "unchanged"
	}
	return envelopeText.ReplaceAllString(body, "sealed")
}

func newRevisions(t *testing.T) *revisions {
	r := &revisions{rig: newRig(t, rigOptions{policy: revisionBefore})}
	first := r.server.Runtime()
	r.cache = first.cache
	first.acquire() // it closes the keys that all share
	t.Cleanup(first.release)
	return r
}

// While Envoy takes over the routes of a new policy, each request is under the
// rules of the policy whose routes it took, and never of another.
func TestStreamsNameTheirRevision(t *testing.T) {
	const (
		byOld = `{"a":"sealed","b":"2"}`
		byNew = `{"a":"1","b":"sealed"}`
	)
	r := newRevisions(t)
	var retired atomic.Int32
	before, after := r.server.Runtime(), r.runtime(revisionAfter, &retired)
	check := func(when, stamp, path, want string) {
		t.Helper()
		if got := r.ask(stamp, path); got != want {
			t.Errorf("%s: %s of %.20s got %s, want %s", when, path, stamp, got, want)
		}
	}
	check("alone", before.stamp, "/old", byOld)
	check("alone", after.stamp, "/old", "policy_behind")
	check("alone", "sealmesh", "/old", byOld)

	r.server.Add(after)
	check("both", before.stamp, "/old", byOld)
	check("both", after.stamp, "/old", byNew)
	check("both", after.stamp, "/new", byOld)
	check("both", "sealmesh", "/old", byNew) // no stamp: the newest

	r.server.Withdraw()
	r.idle()
	check("withdrawn", after.stamp, "/old", "policy_behind")
	check("withdrawn", before.stamp, "/old", byOld)
	check("withdrawn", "sealmesh", "/old", byOld)
	if retired.Load() != 1 {
		t.Error("a runtime that was withdrawn is not retired")
	}
	r.server.Withdraw()
	check("the only one", before.stamp, "/old", byOld)

	r.server.Add(r.runtime(revisionAfter, &retired))
	r.server.Settle()
	check("settled", before.stamp, "/old", "policy_behind")
	check("settled", after.stamp, "/old", byNew)
}

// A stream keeps its runtime after Settle, which is retired when the stream has
// ended.
func TestSettleLeavesStreamsAlone(t *testing.T) {
	r := newRevisions(t)
	var retired atomic.Int32
	r.server.Swap(r.runtime(revisionBefore, &retired))
	s := r.process(t, t.Context(), grpc.WithAuthority(r.server.Runtime().stamp))
	must(t, s.Send(first(reqHead("/old", false, "content-type", jsonType), buffered, none)))
	_, err := s.Recv()
	must(t, err)
	r.server.Add(r.runtime(revisionAfter, new(atomic.Int32)))
	r.server.Settle()
	must(t, s.Send(reqBody(`{"a":"1","b":"2"}`, true)))
	reply, err := s.Recv()
	must(t, err)
	if got := envelopeText.ReplaceAllString(string(reply.GetRequestBody().GetResponse().GetBodyMutation().GetBody()), "sealed"); got != `{"a":"sealed","b":"2"}` {
		t.Error("the stream got", got)
	}
	if retired.Load() != 0 {
		t.Error("the runtime was retired under its stream")
	}
	_ = s.CloseSend()
	r.idle()
	if retired.Load() != 1 {
		t.Error("the runtime was not retired after its last stream")
	}
}

// Reloads that Envoy never confirms hold no more than two runtimes.
func TestRuntimesAreBounded(t *testing.T) {
	r := newRevisions(t)
	var retired atomic.Int32
	for i := range 10 {
		r.server.Add(r.runtime(strings.Replace(revisionAfter, "/new", "/new/"+strings.Repeat("x", i), 1), &retired))
	}
	if held := len(*r.server.runtimes.Load()); held != 2 || retired.Load() != 8 {
		t.Errorf("%d runtimes are held and %d retired", held, retired.Load())
	}
}
