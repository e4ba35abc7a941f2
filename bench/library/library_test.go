package library

import (
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
)

// Every contestant does its work without an error, and would see a field.
func TestContestants(t *testing.T) {
	seal, stop := Seal(load.NewDocument(2<<10, 5))
	defer stop()
	list := append(seal, Validate(load.NewDocument(4<<10, 0))...)
	times, err := Measure(list, 2, 100*time.Microsecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if len(times[c.Name]) != 2 || times[c.Name][0] <= 0 {
			t.Errorf("%s: %v", c.Name, times[c.Name])
		}
	}
	with := load.NewDocument(4<<10, 1)
	if decoderLooks(with) == nil || parserLooks(with) == nil {
		t.Error("a field is not seen")
	}
	if decoderLooks(with[:100]) == nil {
		t.Error("half a document is well")
	}
}
