package serve

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A socket in use, a file and a folder that does not exist are each refused,
// with the reason; the socket of a process that has ended is replaced.
func TestListen(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "socket")
	used, err := listen("unix://"+socket, socketMode)
	must(t, err)
	if _, err := listen("unix://"+socket, socketMode); err == nil || !strings.Contains(err.Error(), "another process serves there") {
		t.Errorf("a socket in use: %v", err)
	}
	used.(*net.UnixListener).SetUnlinkOnClose(false)
	must(t, used.Close())
	again, err := listen("unix://"+socket, socketMode)
	must(t, err)
	must(t, again.Close())
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	if _, err := listen("unix://"+filepath.Join(dir, "file"), socketMode); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file: %v", err)
	}
	if _, err := listen("unix:///nowhere/at/all", socketMode); err == nil || !strings.Contains(err.Error(), "does the folder exist") {
		t.Errorf("no folder: %v", err)
	}
}
