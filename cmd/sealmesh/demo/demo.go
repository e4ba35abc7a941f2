// Package demo implements "sealmesh demo": a legacy service that knows nothing
// of encryption, a real Envoy in front of it, and sealmesh beside Envoy. The
// demo sends real requests, shows what each party sees, and verifies everything
// that it shows.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// Options are the options of the demo.
type Options struct {
	Self   string // the sealmesh binary to run
	Envoy  string // the Envoy binary; "" uses a stand-in in Go
	Keep   bool   // keep running at the end, until the context ends
	Out    io.Writer
	Colour bool
}

// Run runs the demo. It returns nil only if everything that it shows was
// verified.
func Run(ctx context.Context, opt Options) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return errors.New("the legacy service of the demo needs Python: install python3 and try again")
	}
	dir, err := os.MkdirTemp("", "sealmesh-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stack{opt: opt, dir: dir, python: python}
	defer s.down()
	t := &tour{stack: s, screen: screen{opt.Out, opt.Colour}}
	t.intro()
	if err := s.up(ctx); err != nil {
		return err
	}
	for _, act := range []func(context.Context) error{t.sideBySide, t.formats, t.uses, t.reloaded, t.killed} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	t.done()
	if !opt.Keep {
		return nil
	}
	if err := s.startSealmesh(ctx); err != nil {
		return err
	}
	t.kept()
	<-ctx.Done()
	return nil
}

// A tour runs the acts of the demo in order and keeps what they have seen.
type tour struct {
	*stack
	screen
	stored []byte // rows of the database
}

// secrets are the values that must never appear in clear behind Envoy.
var secrets = []string{"078-05-1120", "84000.50", "+41 79 555 01 01", "219-09-9999", "1.2e5", "+41 79 555 02 02"}

var customers = []string{
	`{"name": "Ada Lovelace",  "email": "ada@example.com", "ssn": "078-05-1120", "income": 84000.50, "contacts": [{"kind": "mobile", "phone": "+41 79 555 01 01"}]}`,
	`{"name": "Alan Turing", "email": "alan@example.com", "ssn": "219-09-9999", "income": 1.2e5, "contacts": [{"kind": "home", "phone": "+41 79 555 02 02"}, {"kind": "none", "phone": null}]}`,
}

func (t *tour) sideBySide(ctx context.Context) error {
	t.act("A client stores customers through Envoy, and reads them again")
	for _, c := range customers {
		status, body, err := t.post(ctx, c)
		if err != nil {
			return err
		}
		if status != http.StatusCreated {
			return fmt.Errorf("create: %d %s", status, body)
		}
		if err := t.plain(body); err != nil {
			return err
		}
	}
	rows, err := t.rows(ctx)
	if err != nil {
		return err
	}
	t.stored = rows
	for i, row := range bytes.Split(bytes.TrimSpace(rows), []byte("\n")) {
		status, body, err := t.get(ctx, fmt.Sprintf("/customers/%d", i+1))
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("read: %d %s", status, body)
		}
		if err := t.plain(body); err != nil {
			return err
		}
		if err := t.screen.sideBySide([]byte(customers[i]), row, body); err != nil {
			return err
		}
	}
	return t.sealedAtRest()
}

// sealedAtRest checks what the legacy service stored.
func (t *tour) sealedAtRest() error {
	for _, s := range secrets {
		if bytes.Contains(t.stored, []byte(s)) {
			return fmt.Errorf("the database holds %q in clear", s)
		}
	}
	if n := bytes.Count(t.stored, []byte(`"sm1.`)); n != 7 {
		return fmt.Errorf("the database holds %d envelopes, not 7", n)
	}
	t.verified("no tagged value is in the database in clear; everything else is unchanged")
	t.verified("every value came back, numbers digit for digit (84000.50, 1.2e5)")
	return nil
}

// plain checks that a body has all values of one customer in clear and contains
// no envelope.
func (t *tour) plain(body []byte) error {
	if bytes.Contains(body, []byte("sm1.")) {
		return fmt.Errorf("a client got an envelope: %s", body)
	}
	found := 0
	for _, s := range secrets {
		if bytes.Contains(body, []byte(s)) {
			found++
		}
	}
	if found != 3 {
		return fmt.Errorf("a client got %d of 3 values: %s", found, body)
	}
	return nil
}

func (t *tour) uses(ctx context.Context) error {
	t.act("Every key use, as OpenTelemetry spans")
	const want = 10 // four requests sealed, four responses opened, two reads opened
	uses := t.sink.keyUses()
	for deadline := time.Now().Add(10 * time.Second); len(uses) < want && time.Now().Before(deadline); uses = t.sink.keyUses() {
		time.Sleep(20 * time.Millisecond)
	}
	t.spans(uses)
	if len(uses) != want {
		return fmt.Errorf("%d key-use spans, not %d", len(uses), want)
	}
	calls, err := t.kekCalls(ctx)
	if err != nil {
		return err
	}
	values := 0
	for _, u := range uses {
		n, err := strconv.Atoi(u["fields"])
		if err != nil || u["outcome"] != "ok" {
			return fmt.Errorf("unexpected key use: %v", u)
		}
		values += n
	}
	t.verified(fmt.Sprintf("%d spans, one per exchange, direction, key and operation; %d values cost %d calls to the KEK", want, values, calls))
	return nil
}

func (t *tour) killed(ctx context.Context) error {
	t.act("sealmesh is killed (kill -9)")
	t.sealmesh.kill()
	status, body, err := t.post(ctx, customers[0])
	if err != nil {
		return err
	}
	t.line(fmt.Sprintf("POST /customers -> %d %s", status, bytes.TrimSpace(body)))
	if status < 500 {
		return fmt.Errorf("the request was not refused: %d", status)
	}
	rows, err := t.rows(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(rows, t.stored) {
		return errors.New("the request reached the legacy service without sealmesh")
	}
	t.verified("refused; nothing reached the legacy service in clear")
	return nil
}
