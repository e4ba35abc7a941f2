package serve

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// harden disables core dumps, which would contain data keys, and stops other
// processes of the same user from reading the memory of this process.
func harden(log *slog.Logger) {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("core dumps stay enabled", "error", err.Error())
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		log.Warn("the process stays dumpable", "error", err.Error())
	}
}
