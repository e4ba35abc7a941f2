package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// noteSecret is in every note.
const noteSecret = "900-11-2233"

// reloaded adds a rule where the policy skipped requests, while they flow.
func (t *tour) reloaded(ctx context.Context) error {
	if t.opt.Envoy == "" {
		return nil // the stand-in knows one policy
	}
	t.act("A rule is added where there was none, while requests flow: Envoy gets its routes from sealmesh")
	flow := startNotes(ctx, t)
	err := flow.wait(100)
	if err == nil {
		err = t.reload(ctx, bytes.Replace(policySource, []byte("path: /notes}\n    skip: true"),
			[]byte("path: /notes}\n    request: {seal: {$.ssn: pii}}"), 1))
	}
	if err == nil {
		flow.after.Store(true)
		err = flow.wait(100)
	}
	flow.stop()
	if err = errors.Join(err, flow.err); err != nil {
		return err
	}
	notes, err := t.dump(ctx, "--notes")
	if err != nil {
		return err
	}
	return t.showNotes(notes, flow.sent)
}

// showNotes shows and checks what the service has stored of the notes.
func (t *tour) showNotes(notes []byte, sent int) error {
	var count [2]struct{ clear, sealed int } // before and after the reload
	for line := range bytes.Lines(notes) {
		when := &count[0]
		if bytes.Contains(line, []byte(`"after": true`)) {
			when = &count[1]
		}
		if bytes.Contains(line, []byte(noteSecret)) {
			when.clear++
		} else {
			when.sealed++
		}
	}
	before, after := count[0], count[1]
	t.line(fmt.Sprintf("sent before the reload was reported: %4d stored in clear, as the policy skipped them, and %d sealed", before.clear, before.sealed))
	t.line(fmt.Sprintf("sent after it:                       %4d stored in clear, and %d sealed", after.clear, after.sealed))
	switch {
	case after.clear > 0:
		return fmt.Errorf("%d requests passed in clear after the reload", after.clear)
	case before.clear == 0 || after.sealed == 0 || before.clear+before.sealed+after.sealed != sent:
		return fmt.Errorf("of %d requests %v were stored", sent, count)
	}
	t.verified("every request after the reload is sealed, none failed, and Envoy was not restarted")
	return nil
}

// reload puts another policy in force.
func (t *tour) reload(ctx context.Context, text []byte) error {
	if bytes.Equal(text, policySource) {
		return errors.New("the policy has not changed")
	}
	if err := os.WriteFile(t.path("policy.yaml"), text, 0o600); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/reload", nil)
	if err != nil {
		return err
	}
	resp, err := t.admin.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		why, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("reload: %s: %s", resp.Status, why)
	}
	return nil
}

// A flow is clients that send notes until they are stopped.
type flow struct {
	after   atomic.Bool // the reload has been reported
	end     chan struct{}
	clients sync.WaitGroup

	mu   sync.Mutex
	sent int
	err  error // the first
	more *sync.Cond
}

func startNotes(ctx context.Context, t *tour) *flow {
	f := &flow{end: make(chan struct{})}
	f.more = sync.NewCond(&f.mu)
	for range 4 {
		f.clients.Go(func() {
			for {
				select {
				case <-f.end:
					return
				default:
				}
				note := fmt.Sprintf(`{"after": %t, "ssn": %q}`, f.after.Load(), noteSecret)
				status, body, err := t.send(ctx, http.MethodPost, "/notes", jsonType, strings.NewReader(note))
				if err == nil && status != http.StatusCreated {
					err = fmt.Errorf("POST /notes -> %d %s", status, body)
				}
				f.note(err)
				if err != nil {
					return
				}
			}
		})
	}
	return f
}

// note counts a request that has ended.
func (f *flow) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent++
	if f.err == nil {
		f.err = err
	}
	f.more.Broadcast()
}

// wait waits until n more requests have ended.
func (f *flow) wait(n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n += f.sent
	for f.err == nil && f.sent < n {
		f.more.Wait()
	}
	return f.err
}

func (f *flow) stop() {
	close(f.end)
	f.clients.Wait()
}
