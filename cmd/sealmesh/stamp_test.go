package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
)

// ruled is testPolicy with rules where it skips.
func ruled(t *testing.T) string {
	t.Helper()
	text := strings.Replace(testPolicy, "match: {path: /free/**}\n    skip: true", "match: {path: /free/**}\n    request: {seal: {$..secret: pii}}", 1)
	if text == testPolicy {
		t.Fatal("nothing changed")
	}
	return text
}

// unstamped has Envoy configured by hand, as far as sealmesh can tell.
func unstamped(t *testing.T) func(*bootstrapv3.Bootstrap) {
	return func(b *bootstrapv3.Bootstrap) {
		setFilter(t, b, func(f *procv3.ExternalProcessor) { f.GrpcService.GetEnvoyGrpc().Authority = "" })
	}
}

const secret = `{"secret":"` + canary + `"}`

// An Envoy that was configured for another policy leaves out what this one
// protects. What it does show is refused, after a reload and after a start, and
// /readyz and the metrics say so.
func TestStampOfAnotherPolicy(t *testing.T) {
	s := newStack(t, stackOptions{})
	if got := s.do("POST", "/seal/1", secret); got.status != http.StatusOK {
		t.Fatal(got)
	}
	s.write(ruled(t))
	if status, body := s.post("/reload"); status != http.StatusNoContent {
		t.Fatal(status, body)
	}
	s.behind("after a reload")
	s.kill9()
	s.start(stackOptions{})
	s.behind("after a start")
	s.write(testPolicy)
	if status, body := s.post("/reload"); status != http.StatusNoContent {
		t.Fatal(status, body)
	}
	if got := s.do("POST", "/seal/1", secret); got.status != http.StatusOK {
		t.Error(got)
	}
	if strings.Contains(s.upstream.everything(), canary) {
		t.Error("a value passed in clear")
	}
}

func (s *stack) behind(when string) {
	s.t.Helper()
	got := s.do("POST", "/seal/1", secret)
	if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, `"code":"policy_behind"`) {
		s.t.Errorf("%s: %d %s %v", when, got.status, got.body, got.err)
	}
	s.says("/readyz", "policy_behind: Envoy is configured for another policy")
	s.says("/metrics", `code="policy_behind"`)
}

func (s *stack) says(path, want string) {
	s.t.Helper()
	if text, err := s.admin(path); err != nil || !strings.Contains(text, want) {
		s.t.Errorf("%s has no %q: %v %.500s", path, want, err, text)
	}
}

// Rules, tags, keys and limits are nothing that Envoy knows of: changing them
// leaves the stamp as it is.
func TestStampOutlivesRules(t *testing.T) {
	s := newStack(t, stackOptions{})
	s.write(strings.Replace(testPolicy, "request:  {seal: {$..secret: pii}}\n    response: {open: {$..secret: pii}}\n",
		"request:  {seal: {$..more: pii.other}}\n    response: {open: {$..more: pii.other}}\n", 1))
	if status, body := s.post("/reload"); status != http.StatusNoContent {
		t.Fatal(status, body)
	}
	if got := s.do("POST", "/buffered/1", `{"more":"`+canary+`"}`); got.status != http.StatusOK {
		t.Error(got)
	}
}

// An Envoy without a stamp is served, and reported. Rules for what it may leave
// out take a restart.
func TestNoStamp(t *testing.T) {
	s := newStack(t, stackOptions{mutate: unstamped(t)})
	if got := s.do("POST", "/seal/1", secret); got.status != http.StatusOK {
		t.Fatal(got)
	}
	s.says("/readyz", "unverified: Envoy's configuration has no stamp")
	s.says("/metrics", "sealmesh_exchanges_unverified_total 1\n")
	s.logged("Envoy's configuration has no stamp", 1)
	s.write(ruled(t))
	status, body := s.post("/reload")
	const want = "route free (was skipped by route free): generate Envoy's configuration again and restart Envoy, then restart sealmesh"
	if status != http.StatusUnprocessableEntity || !strings.Contains(body, want) {
		t.Errorf("%d %s", status, body)
	}
	s.says("/config", `"skip": true`)
	s.says("/metrics", "sealmesh_config_last_reload_successful 0\n")
	if got := s.do("POST", "/seal/1", secret); got.status != http.StatusOK || strings.Contains(s.upstream.everything(), canary) {
		t.Errorf("the last good policy is not in force: %v", got)
	}
	// Other changes are taken.
	s.write(testPolicy + "# more\n")
	if status, body := s.post("/reload"); status != http.StatusNoContent {
		t.Error(status, body)
	}
}

// Before any Envoy has asked, nobody knows what it was told.
func TestNoStampYet(t *testing.T) {
	s := serveAlone(t, testPolicy, stackOptions{})
	s.write(ruled(t))
	if status, body := s.post("/reload"); status != http.StatusUnprocessableEntity || !strings.Contains(body, "restart Envoy") {
		t.Errorf("%d %s", status, body)
	}
}

// A new Envoy configuration goes before the policy: sealmesh refuses what the
// new Envoy asks, until it has the policy.
func TestStampOfTheNextPolicy(t *testing.T) {
	s := newStack(t, stackOptions{})
	s.write(ruled(t))
	s.wait("reload refused", func() error {
		if strings.Contains(s.logs.String(), "reload refused") {
			return nil
		}
		return errors.New("not yet")
	})
	s.startEnvoy(stackOptions{})
	if got := s.do("POST", "/free/1", secret); got.status != http.StatusServiceUnavailable {
		t.Error(got)
	}
	if status, body := s.post("/reload"); status != http.StatusNoContent {
		t.Fatal(status, body)
	}
	if got := s.do("POST", "/free/1", secret); got.status != http.StatusOK || strings.Contains(s.upstream.everything(), canary) {
		t.Error(got)
	}
}
