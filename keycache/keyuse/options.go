package keyuse

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// Defaults and least values of [Options].
const (
	DefaultQueueBytes = 8 << 20
	DefaultSpoolBytes = 256 << 20
	MinQueueBytes     = 64 << 10
	MinSpoolBytes     = 1 << 20

	maxSegment = 8 << 20
)

// Options of a [Recorder]. Zero values take the documented defaults.
type Options struct {
	// Required refuses key uses that cannot be recorded (`audit: required`).
	Required bool
	// SpoolDir is a directory for this process alone; it is made with mode 0700. ""
	// means no spool.
	SpoolDir string
	// SpoolBytes bounds the files of the spool, [DefaultSpoolBytes] when zero.
	SpoolBytes int64
	// QueueBytes bounds the spans in memory, [DefaultQueueBytes] when zero. Increments
	// of streamed bodies that were let pass may take as much again.
	QueueBytes int64
	// Resource attributes: service.name, … Those in OTEL_RESOURCE_ATTRIBUTES and
	// OTEL_SERVICE_NAME go before them.
	Resource map[string]string
	// Getenv reads OTEL_* variables; os.Getenv when nil.
	Getenv func(string) string
	// Console takes JSON lines when OTEL_TRACES_EXPORTER is "console"; os.Stdout when nil.
	Console io.Writer
	// Log reports when a collector stops and starts taking spans, and every loss; slog.Default when nil.
	Log *slog.Logger

	disk disk // of the spool; that of the operating system when nil
}

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
		o.disk = osDisk{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o, nil
}
