package main

import (
	"bytes"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
)

const (
	// gcPercent collects garbage a little less often than Go's default of 100: live memory is
	// small, so that the rest is cheap. GOGC overrides it.
	gcPercent = 200
	// share of a container's memory limit, in percent, at which the collector works
	// harder instead. GOMEMLIMIT overrides it.
	memoryShare = 80
)

// limitFiles are where cgroup v2 and v1 say what a container may use.
var limitFiles = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// tuneMemory sets the collector up for a proxy, within the container's limit.
func tuneMemory(log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	for _, file := range limitFiles {
		if limit := readLimit(file); limit > 0 {
			debug.SetMemoryLimit(limit / 100 * memoryShare)
			log.Info("memory limit", "container", limit, "collector", limit/100*memoryShare)
			return
		}
	}
}

// readLimit returns a limit in bytes, 0 for none.
func readLimit(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64) // "max" is none
	if err != nil || n >= 1<<60 {
		return 0
	}
	return n
}
