//go:build !race

package sse

import (
	"testing"

	"github.com/sealmesh/sealmesh/codec/codectest"
)

func TestNoAllocations(t *testing.T) { codectest.Allocs(t, &events, corpus) }
