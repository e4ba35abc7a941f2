// Package rest is what providers share whose back end is asked by JSON over HTTP: a
// client, tries, and bodies that do not outlive their sending. What an answer means,
// each of them says for itself.
package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	// MaxAnswer is the longest answer in bytes that is read. A real one has less than 8 KiB.
	MaxAnswer = 64 << 10

	maxSecretFile   = 64 << 10
	dialTimeout     = time.Second
	idleTimeout     = 90 * time.Second
	idleConnections = 16
)

// Client returns a client that keeps its connections. conf may be nil. It follows no
// redirect, which would repeat a token or a data key to whomever it names: the caller
// sees it as an answer.
func Client(conf *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:        conf,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    idleConnections,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: MaxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Read returns an answer's body, which the caller clears. One longer than [MaxAnswer]
// is cut, and [Decode] refuses it.
func Read(resp *http.Response) ([]byte, error) {
	return io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
}

// Decode reads text into out, a pointer, and reports whether it was all there and JSON
// of out's form. The decoder's error is not to be shown: it may quote a data key.
func Decode(text []byte, out any) bool {
	return len(text) <= MaxAnswer && json.Unmarshal(text, out) == nil
}

// Unanswered returns why a request under ctx never became an answer, and which hint goes
// with that: slow where it was for want of time, path for all else, none where ctx has
// ended. The cause is without the request's URL, which may name an identity.
func Unanswered(ctx context.Context, err error, slow, path string) (cause error, hint string) {
	if ctx.Err() != nil {
		return ctx.Err(), ""
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return errors.New("no answer in time"), slow
	}
	return err, path
}

// ReadSecret returns a file's text, at most 64 KiB, without the white space at its end.
func ReadSecret(file string) (string, error) {
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxSecretFile) {
		err = fmt.Errorf("%s is not a file of a secret's size", file)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", err
	}
	defer clear(text)
	secret := string(bytes.TrimRight(text, " \t\r\n"))
	if secret == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return secret, nil
}
