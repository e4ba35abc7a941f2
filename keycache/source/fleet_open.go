package source

import (
	"context"
	"crypto/sha256"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/flight"
)

// storedFlight is the flight in which the data key of an envelope without a
// record is fetched. It is no SHA-256 that anybody can make.
func storedFlight(id envelope.KeyID) (f flight.ID) {
	copy(f[:], id[:])
	f[31] = 1
	return f
}

// fetch begins to get the record of that id and to unwrap its data key.
func (f *fleet) fetch(of envelope.KeyID, by *calls.Allowance, parent trace.SpanContext) (*flight.Flight[*datakeys.DataKey], error) {
	id := storedFlight(of)
	if err := f.failed.recall(id); err != nil {
		return nil, err
	}
	load := func(ctx context.Context) (*datakeys.DataKey, error) {
		d, err := f.loadStored(ctx, of)
		if err != nil {
			f.failed.remember(id, err)
		}
		return d, err
	}
	if f.Store.proven.Contains(of) { // a record that was proven is no stranger's
		return f.Keys.Flights.Join(id, parent, load), nil
	}
	return f.seek(id, by, parent, load)
}

func (f *fleet) loadStored(ctx context.Context, id envelope.KeyID) (*datakeys.DataKey, error) {
	if d := f.Keys.Get(id); d != nil && d.Usable(f.now()) {
		return d, nil
	}
	r, err := f.Store.get(ctx, id)
	if err != nil {
		return nil, err
	}
	d, err := f.load(ctx, r, sha256.Sum256(envelope.AppendRecord(nil, r)))
	if err == nil {
		f.Store.proven.Add(id, r)
	}
	return d, err
}
