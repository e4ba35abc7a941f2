package hsm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTry(t *testing.T) {
	for name, c := range map[string]struct {
		again bool
		after time.Duration
		tries int
		least time.Duration // waited
		most  time.Duration
	}{
		"answered":           {false, 0, 1, 0, 0},
		"hopeless":           {true, 0, 3, 0, 2 * maxBackoff},
		"asked for a moment": {true, time.Second, 3, 2 * time.Second, 2 * time.Second},
		"asked for too long": {true, time.Second + 1, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries, start := 0, time.Now()
				err := Try(t.Context(), func() (bool, time.Duration) {
					tries++
					return c.again, c.after
				})
				if took := time.Since(start); err != nil || tries != c.tries || took < c.least || took > c.most {
					t.Errorf("%d tries in %v, %v", tries, took, err)
				}
			})
		})
	}
}

// TestTryEndsWithItsContext: a caller that gives up does not wait for the next
// try.
func TestTryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := Try(ctx, func() (bool, time.Duration) { return true, time.Second })
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 300*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		tries := 0
		if err := Try(ctx, func() (bool, time.Duration) { tries++; return true, 0 }); err != nil || tries != 1 {
			t.Errorf("ended: %d tries, %v", tries, err)
		}
	})
}
