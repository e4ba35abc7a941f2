package transport_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails when a server has left a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftover(); left != nil && code == 0 {
		fmt.Fprintf(os.Stderr, "left after all servers were stopped:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftover returns the stack of a goroutine of the package that does not end.
func leftover() []byte {
	for late := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		left := goroutine()
		if left == nil || time.Now().After(late) {
			return left
		}
	}
}

func goroutine() []byte {
	buf := make([]byte, 4<<20)
	for g := range bytes.SplitSeq(buf[:runtime.Stack(buf, true)], []byte("\n\n")) {
		if bytes.Contains(g, []byte("proxy/transport.(*")) {
			return g
		}
	}
	return nil
}
