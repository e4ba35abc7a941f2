package otlp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
)

// tlsFiles names the files for TLS with the collector. "" is none.
type tlsFiles struct {
	ca, cert, key string
}

// A fileError is a file that cannot be used, and the option that names it.
type fileError struct {
	option string
	err    error
}

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// read returns the contents of the files and a digest of the contents.
func (f tlsFiles) read() (contents [3][]byte, sum [sha256.Size]byte, err error) {
	digest := sha256.New()
	for i, file := range []struct{ path, option string }{{f.ca, "CERTIFICATE"}, {f.cert, "CLIENT_CERTIFICATE"}, {f.key, "CLIENT_KEY"}} {
		if file.path == "" {
			continue
		}
		if contents[i], err = os.ReadFile(file.path); err != nil {
			return contents, sum, &fileError{file.option, err}
		}
		fmt.Fprintf(digest, "%d %d ", i, len(contents[i]))
		digest.Write(contents[i])
	}
	return contents, [sha256.Size]byte(digest.Sum(nil)), nil
}

// config makes a TLS configuration from the contents of the files.
func (f tlsFiles) config(contents [3][]byte) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(contents[0]) {
			return nil, &fileError{"CERTIFICATE", fmt.Errorf("%s: no certificate in it", f.ca)}
		}
	}
	if f.cert != "" {
		pair, err := tls.X509KeyPair(contents[1], contents[2])
		if err != nil {
			return nil, &fileError{"CLIENT_CERTIFICATE", err}
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// A renewing exporter reconnects before an export if its files have changed. If
// the new files cannot be used, the last good ones stay in use.
type renewing struct {
	dest   Destination
	now    Exporter
	log    *slog.Logger
	failed bool // the files cannot be used; logged
}

func (d *Destination) openRenewing(log *slog.Logger) (Exporter, error) {
	now, err := d.connect()
	if err != nil {
		return Exporter{}, err
	}
	r := &renewing{dest: *d, now: now, log: log}
	return Exporter{r.export, func() error { return r.now.Close() }}, nil
}

func (r *renewing) export(ctx context.Context, req *Request) (Answer, error) {
	r.renew()
	return r.now.Export(ctx, req)
}

func (r *renewing) renew() {
	contents, sum, err := r.dest.files.read()
	if err == nil && sum == r.dest.sum {
		r.failed = false
		return
	}
	if err == nil {
		err = r.reconnect(contents, sum)
	}
	switch {
	case err == nil:
		r.log.Info("certificates for the key-use collector were reloaded")
	case !r.failed:
		r.log.Error("cannot reload the certificates for the key-use collector; the previous ones stay in use", "error", err)
	}
	r.failed = err != nil
}

func (r *renewing) reconnect(contents [3][]byte, sum [sha256.Size]byte) (err error) {
	next := r.dest
	next.sum = sum
	if next.tls, err = next.files.config(contents); err != nil {
		return err
	}
	now, err := next.connect()
	if err != nil {
		return err
	}
	_ = r.now.Close() // no export is under way
	r.dest, r.now = next, now
	return nil
}
