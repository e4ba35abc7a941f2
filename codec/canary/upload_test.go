package canary

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"
)

// phpUpload is PHP behind its own server: only a request makes $_POST and $_FILES.
func phpUpload(t *testing.T, contentType string) reader {
	const name = "php -S"
	if _, err := exec.LookPath("php"); err != nil {
		return missing(t, name, err, false)
	}
	address := freeAddress(t)
	cmd := exec.Command("php", "-d", "upload_tmp_dir="+t.TempDir(), "-d", "display_errors=0", "-q", "-S", address, "readers/php/upload.php")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // says that it was killed
	})
	listening(t, address)
	return reader{name, func(t *testing.T, bodies [][]byte) [][]reading {
		t.Helper()
		all := make([][]reading, len(bodies))
		for i, b := range bodies {
			r, err := http.Post("http://"+address, contentType, bytes.NewReader(b))
			if err != nil {
				t.Errorf("%s at %q: %v", name, b, err)
				return nil
			}
			reply, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err == nil {
				err = json.Unmarshal(reply, &all[i])
			}
			if err != nil {
				t.Errorf("%s at %q: %v: %s", name, b, err, reply)
				return nil
			}
		}
		return all
	}}
}

// freeAddress returns an address that nothing listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func listening(t *testing.T, address string) {
	t.Helper()
	for range 600 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("nothing listens at %s", address)
}
