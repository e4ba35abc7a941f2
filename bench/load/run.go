package load

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// NewHistogram returns a histogram of microseconds up to one minute, with three
// exact digits.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60_000_000, 3) }

// A Result is the outcome of one run.
type Result struct {
	Requests int64
	Failed   int64
	Seconds  float64
	Latency  *hdrhistogram.Histogram // microseconds
	Err      error                   // the first failure
}

// Check returns an error if a request failed or if there was none.
func (r Result) Check() error {
	if r.Failed == 0 && r.Requests > 0 {
		return nil
	}
	return errors.Join(fmt.Errorf("%d of %d requests failed", r.Failed, r.Requests+r.Failed), r.Err)
}

// A Client keeps connections to one address open.
type Client struct {
	addr  string
	conns []*conn
}

// NewClient returns a client of host:port.
func NewClient(addr string) *Client { return &Client{addr: addr} }

// Close ends all connections.
func (c *Client) Close() {
	for _, k := range c.conns {
		_ = k.Close()
	}
	c.conns = nil
}

// open makes sure that there are n connections.
func (c *Client) open(n int) error {
	for len(c.conns) < n {
		k, err := dial(c.addr)
		if err != nil {
			return err
		}
		c.conns = append(c.conns, k)
	}
	return nil
}

// Do sends r once and returns the body of the response.
func (c *Client) Do(r *Request) ([]byte, error) {
	if err := c.open(1); err != nil {
		return nil, err
	}
	var b writer
	_, err := c.conns[0].do(r, &b)
	if err != nil {
		c.Close()
		return b, fmt.Errorf("%w %s", err, b[:min(len(b), 300)])
	}
	return b, nil
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) { *w = append(*w, p...); return len(p), nil }

// A worker is the share of one connection in a run.
type worker struct {
	latency  *hdrhistogram.Histogram
	requests int64
	failed   int64
	err      error
}

// once sends one request and records its latency since then. It reports whether
// the connection is still usable.
func (w *worker) once(c *conn, r *Request, since time.Time) bool {
	_, err := c.do(r, io.Discard)
	if err == nil {
		w.requests++
		return w.latency.RecordValue(max(time.Since(since).Microseconds(), 1)) == nil
	}
	w.failed++
	if w.err == nil {
		w.err = err
	}
	return errors.Is(err, errStatus)
}

// Closed keeps n requests in flight for d: each connection sends its next
// request after the response to the last one. pick returns the request for a
// running number.
func (c *Client) Closed(n int, d time.Duration, pick func(i int64) *Request) Result {
	if err := c.open(n); err != nil {
		return Result{Err: err, Failed: 1, Latency: NewHistogram()}
	}
	var next atomic.Int64
	start := time.Now()
	end := start.Add(d)
	return c.run(n, start, func(w *worker, k *conn) {
		for now := time.Now(); now.Before(end); now = time.Now() {
			if !w.once(k, pick(next.Add(1)-1), now) {
				return
			}
		}
	})
}

// run runs f once for each of n connections and adds up the results.
func (c *Client) run(n int, start time.Time, f func(*worker, *conn)) Result {
	workers := make([]worker, n)
	var wait sync.WaitGroup
	for i := range workers {
		workers[i].latency = NewHistogram()
		wait.Go(func() { f(&workers[i], c.conns[i]) })
	}
	wait.Wait()
	res := Result{Seconds: time.Since(start).Seconds(), Latency: NewHistogram()}
	for i := range workers {
		res.Requests += workers[i].requests
		res.Failed += workers[i].failed
		res.Latency.Merge(workers[i].latency)
		if res.Err == nil {
			res.Err = workers[i].err
		}
	}
	if res.Failed > 0 {
		c.Close() // some connections may be in the middle of a response
	}
	return res
}
