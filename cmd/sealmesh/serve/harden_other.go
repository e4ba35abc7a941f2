//go:build !linux

package serve

import "log/slog"

// harden does nothing on this system. Set its limits so that there are no core
// dumps.
func harden(*slog.Logger) {}
