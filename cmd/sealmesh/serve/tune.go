package serve

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
	// gcPercent makes the collector run less often than Go's default of 100. Live
	// memory is small, so the extra garbage is cheap. GOGC overrides it.
	gcPercent = 150
	// memoryShare is the percentage of a container's memory limit from which the
	// collector runs more often. GOMEMLIMIT overrides it.
	memoryShare = 80
)

// limitFiles hold the memory limit of a container, for cgroup v2 and v1.
var limitFiles = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// fewCores is the number of cores up to which only one runs Go code. Envoy has
// more work per body than sealmesh and needs the other core; without it the
// scheduler would spin on that core and wake it. GOMAXPROCS overrides it.
const fewCores = 2

// tune adjusts the Go runtime for a process beside Envoy, within the limits of
// the container.
func tune(log *slog.Logger) {
	if n := runtime.GOMAXPROCS(0); os.Getenv("GOMAXPROCS") == "" && n > 1 && n <= fewCores {
		runtime.GOMAXPROCS(1)
	}
	tuneMemory(log)
}

// tuneMemory makes the collector run seldom, and more often near the memory
// limit.
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

// bodyMemory returns how many bytes all held bodies together may use: half of
// the collector's limit. The other half is for the process itself, about 60
// MiB, for garbage and for the envelopes of bodies on their way out. That works
// for containers of 128 MiB or more.
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
