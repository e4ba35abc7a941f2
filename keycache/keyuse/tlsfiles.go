package keyuse

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
)

// tlsFiles are what a connection to the collector is secured with. "" is none.
type tlsFiles struct {
	ca, cert, key string
}

// A fileError says which option names a file that cannot be used.
type fileError struct {
	option string
	err    error
}

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// read returns the contents of the files, and a digest of them.
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

// config makes a TLS configuration of the contents of the files.
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

// A renewing exporter connects again when the files have changed, so that what they
// say holds for the next batch. Files that cannot be used leave the last good ones in force.
type renewing struct {
	dest   destination
	now    exporter
	log    *slog.Logger
	failed bool // the files cannot be used, and the log says so
}

// openRenewing connects. Only one goroutine may use the exporter.
func (d *destination) openRenewing(log *slog.Logger) (exporter, error) {
	now, err := d.connect()
	if err != nil {
		return exporter{}, err
	}
	r := &renewing{dest: *d, now: now, log: log}
	return exporter{r.export, func() error { return r.now.close() }}, nil
}

func (r *renewing) export(ctx context.Context, req *request) (answer, error) {
	r.renew()
	return r.now.export(ctx, req)
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
		r.log.Info("the certificates for the collector of key uses have changed, and are in use")
	case !r.failed:
		r.log.Error("the certificates for the collector of key uses have changed and cannot be used; the last good ones stay", "error", err)
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
	_ = r.now.close() // nothing is under way on it
	r.dest, r.now = next, now
	return nil
}
