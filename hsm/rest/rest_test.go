package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What was sent is cleared once it is closed.
func TestBody(t *testing.T) {
	own := []byte("the key")
	sent := bytes.Clone(own)
	b := Body(sent)
	if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, own) {
		t.Errorf("read %q, %v", got, err)
	}
	if err := b.Close(); err != nil || !bytes.Equal(sent, make([]byte, len(own))) {
		t.Errorf("not cleared: %q", sent)
	}
	if n, err := b.Read(make([]byte, 8)); n != 0 || err != io.EOF {
		t.Errorf("a closed body reads %d, %v", n, err)
	}
}

func TestTry(t *testing.T) {
	for name, c := range map[string]struct {
		again bool
		after time.Duration
		tries int
		least time.Duration // waited
		most  time.Duration
	}{
		"mended":             {false, 0, 1, 0, 0},
		"hopeless":           {true, 0, 3, 0, 2 * maxBackoff},
		"asked for a moment": {true, time.Second, 3, 2 * time.Second, 2 * time.Second},
		"asked for too long": {true, time.Second + 1, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries, start := 0, time.Now()
				err := Try(t.Context(), func() (bool, time.Duration) {
					tries++
					return c.again, c.after
				})
				if took := time.Since(start); err != nil || tries != c.tries || took < c.least || took > c.most {
					t.Errorf("%d tries in %v, %v", tries, took, err)
				}
			})
		})
	}
}

// Whoever gives up does not wait for the next try.
func TestTryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := Try(ctx, func() (bool, time.Duration) { return true, time.Second })
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 300*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		tries := 0
		if err := Try(ctx, func() (bool, time.Duration) { tries++; return true, 0 }); err != nil || tries != 1 {
			t.Errorf("ended: %d tries, %v", tries, err)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-1": 0, "1.5": 0, "Wed, 21 Oct 2015 07:28:00 GMT": 0, "99999999999": 0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {text}}); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// A redirect is an answer, and a long answer is none.
func TestAnswers(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, `"`+strings.Repeat("x", MaxAnswer-2+len(r.URL.Query().Get("more")))+`"`)
	}))
	defer s.Close()
	c := Client(nil)
	defer c.CloseIdleConnections()
	for path, want := range map[string]struct {
		status int
		whole  bool
	}{"/away": {http.StatusTemporaryRedirect, false}, "/": {http.StatusOK, true}, "/?more=x": {http.StatusOK, false}} {
		resp, err := c.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := Read(resp)
		resp.Body.Close()
		var out string
		if whole := Decode(text, &out); err != nil || resp.StatusCode != want.status || whole != want.whole {
			t.Errorf("%s: status %d, whole %t, %v", path, resp.StatusCode, whole, err)
		}
	}
}

func TestUnanswered(t *testing.T) {
	refused := errors.New("refused")
	ended, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct {
		ctx       context.Context
		err, want error // nil: for want of time
		hint      string
	}{
		{t.Context(), refused, refused, "path"},
		{t.Context(), &url.Error{Op: "Get", URL: "https://h/secret", Err: refused}, refused, "path"},
		{t.Context(), &url.Error{Op: "Get", URL: "https://h/secret", Err: os.ErrDeadlineExceeded}, nil, "slow"},
		{t.Context(), &net.DNSError{IsTimeout: true}, nil, "slow"},
		{ended, refused, context.Canceled, ""},
	} {
		cause, hint := Unanswered(c.ctx, c.err, "slow", "path")
		if c.want != nil && cause != c.want || c.want == nil && cause.Error() != "no answer in time" || hint != c.hint || strings.Contains(cause.Error(), "secret") {
			t.Errorf("%v: %v, %q", c.err, cause, hint)
		}
	}
}

func TestReadSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for text, want := range map[string]string{"s\n": "s", " s \r\n\t": " s", "": "", " \n": "", strings.Repeat("s", maxSecretFile): strings.Repeat("s", maxSecretFile), strings.Repeat("s", maxSecretFile+1): ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadSecret(file); got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: %.20q, %v", text, got, err)
		}
	}
	if _, err := ReadSecret(filepath.Dir(file)); err == nil {
		t.Error("read a folder")
	}
}
