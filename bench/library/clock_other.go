//go:build !linux

package library

import "time"

// threadTime is the time of day where no clock of threads is known.
func threadTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
