package keycachetest

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"
)

// A Console keeps the key uses that a recorder writes to it as JSON lines, if
// the recorder takes its settings from [ToConsole]. Safe for concurrent use.
type Console struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// ToConsole is an environment in which key uses go to the console.
func ToConsole(name string) string {
	if name == "OTEL_TRACES_EXPORTER" {
		return "console"
	}
	return ""
}

// Write implements [io.Writer].
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.Write(p)
}

// Uses returns the key uses. The recorder has been closed.
func (c *Console) Uses(t testing.TB) []map[string]any {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var uses []map[string]any
	for line := range bytes.Lines(c.b.Bytes()) {
		var u map[string]any
		if err := json.Unmarshal(line, &u); err != nil {
			t.Fatal(err)
		}
		uses = append(uses, u)
	}
	return uses
}
