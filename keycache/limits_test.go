package keycache

import "time"

// Limits of the packages below, as their comments state them.
const (
	idleBurst   = 256
	idleRate    = 1
	useGrain    = time.Second
	staleWait   = time.Second
	prefixAge   = 24 * time.Hour
	corruptFor  = 30 * time.Second
	unclearFor  = time.Second
	degradedAge = time.Hour

	storeTimeout = 2 * time.Second
	fallbackAge  = 5 * time.Minute
)
