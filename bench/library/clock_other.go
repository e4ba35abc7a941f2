//go:build !linux

package library

import "time"

// threadTime is the time of day: there is no thread clock.
func threadTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
