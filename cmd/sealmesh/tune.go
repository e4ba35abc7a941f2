package main

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/sealmesh/sealmesh/proxy"
)

const (
	// gcPercent collects garbage less often than Go's default of 100: live memory is
	// small, so that the rest is cheap. GOGC overrides it.
	gcPercent = 150
	// share of a container's memory limit, in percent, at which the collector works
	// harder instead. GOMEMLIMIT overrides it.
	memoryShare = 80
)

// limitFiles are where cgroup v2 and v1 say what a container may use.
var limitFiles = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// fewCores is where Envoy, which has more to do for every body than sealmesh,
// needs the other core: on so few, one runs Go code, and the scheduler does not spin and
// wake on the second. GOMAXPROCS overrides it.
const fewCores = 2

// tune sets the runtime up for a proxy beside Envoy, within the container's limits.
func tune(log *slog.Logger) {
	if n := runtime.GOMAXPROCS(0); os.Getenv("GOMAXPROCS") == "" && n > 1 && n <= fewCores {
		runtime.GOMAXPROCS(1)
	}
	tuneMemory(log)
}

// tuneMemory has the collector run seldom, and harder as the limit comes near.
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

// bodyMemory returns what bodies that are held may take in sum, in bytes: half of what the
// collector keeps to. The process without bodies, some 60 MiB, garbage, and envelopes of
// bodies that leave have to fit into the rest, from a container of 128 MiB on.
func bodyMemory() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return proxy.DefaultMemory
	}
	return limit / 2
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
