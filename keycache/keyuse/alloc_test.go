//go:build !race

package keyuse

import "testing"

// TestRecordAllocatesNothing holds the hot path, a reservation included. The
// race detector makes sync.Pool forget, so it is not run under it.
func TestRecordAllocatesNothing(t *testing.T) {
	r := acknowledging(t)
	uses := []Use{benchUse, benchUse, benchUse, benchUse, benchUse}
	n := testing.AllocsPerRun(2000, func() {
		res, err := r.Reserve(Reservation{}, len(uses))
		if err == nil {
			err = r.Record(&benchExchange, uses, res)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("Record allocates %v times", n)
	}
}
