package keyuse

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

// Defaults and minima of [Options].
const (
	DefaultQueueBytes = 8 << 20
	DefaultSpoolBytes = 256 << 20
	MinQueueBytes     = 64 << 10
	MinSpoolBytes     = 1 << 20
)

// Options of a [Recorder]. Zero values mean the documented defaults.
type Options struct {
	// Required makes Record refuse key uses that cannot be recorded
	// (`audit: required`).
	Required bool
	// SpoolDir is a directory for this process alone, made with mode 0700.
	// Empty: no spool.
	SpoolDir string
	// SpoolBytes limits the files of the spool. Zero: [DefaultSpoolBytes].
	SpoolBytes int64
	// QueueBytes limits the spans in memory. Zero: [DefaultQueueBytes].
	// Increments of streamed bodies may take as much in addition.
	QueueBytes int64
	// Resource holds attributes such as service.name.
	// OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME override them.
	Resource map[string]string
	// Getenv reads OTEL_* variables. Nil: os.Getenv.
	Getenv func(string) string
	// Console gets JSON lines if OTEL_TRACES_EXPORTER is "console". Nil:
	// os.Stdout.
	Console io.Writer
	// Log gets changes of the collector's and the disk's state, and every loss.
	// Nil: slog.Default.
	Log *slog.Logger

	disk spool.Disk // of the spool; nil: the file system of the operating system
}

// complete fills in defaults and checks minima.
func (o Options) complete() (Options, error) {
	o.QueueBytes = cmp.Or(o.QueueBytes, DefaultQueueBytes)
	o.SpoolBytes = cmp.Or(o.SpoolBytes, DefaultSpoolBytes)
	if o.QueueBytes < MinQueueBytes {
		return o, fmt.Errorf("key uses: a queue of %d bytes is too small: give it at least %d", o.QueueBytes, MinQueueBytes)
	}
	if o.SpoolBytes < MinSpoolBytes {
		return o, fmt.Errorf("key uses: a spool of %d bytes is too small: give it at least %d", o.SpoolBytes, MinSpoolBytes)
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Console == nil {
		o.Console = os.Stdout
	}
	if o.disk == nil {
		o.disk = spool.OS{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o, nil
}
