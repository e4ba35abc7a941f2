package main

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// harden keeps data keys out of core dumps, and other processes of the same user
// from reading this one's memory.
func harden(log *slog.Logger) {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("core dumps stay enabled", "error", err.Error())
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		log.Warn("the process stays dumpable", "error", err.Error())
	}
}
