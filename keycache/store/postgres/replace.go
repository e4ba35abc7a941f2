package postgres

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// Put implements [store.Store]. The table has no row without a slot: the id
// takes the place of the slot. It is shorter than any slot.
func (d *DB) Put(ctx context.Context, r envelope.Record) (envelope.Record, error) {
	b, err := store.Encode(r)
	if err != nil {
		return envelope.Record{}, err
	}
	id := r.KeyID()
	if n, err := d.exec(ctx, "INSERT", claim, id[:], id[:], b); err != nil || n == 1 {
		return recordIf(r, err), classify("put", err)
	}
	return d.Get(ctx, id)
}

// Replace implements [store.Store].
func (d *DB) Replace(ctx context.Context, old, next envelope.Record) (envelope.Record, error) {
	a, b, err := store.EncodeBoth(old, next)
	if err != nil {
		return envelope.Record{}, err
	}
	id := old.KeyID()
	if n, err := d.exec(ctx, "UPDATE", swap, id[:], a, b); err != nil || n == 1 {
		return recordIf(next, err), classify("replace", err)
	}
	return d.Get(ctx, id)
}

// recordIf returns r if there is no error.
func recordIf(r envelope.Record, err error) envelope.Record {
	if err != nil {
		return envelope.Record{}
	}
	return r
}

// All implements [store.Store]. It reads page by page, so that it holds no
// transaction open.
func (d *DB) All(ctx context.Context) iter.Seq2[envelope.Record, error] {
	return func(yield func(envelope.Record, error) bool) {
		for last := []byte{}; ; {
			rows, err := d.page(ctx, last)
			if err != nil {
				yield(envelope.Record{}, classify("scan", err))
				return
			}
			for _, row := range rows {
				r, err := row.record()
				if !yield(r, classify("scan", err)) {
					return
				}
			}
			if len(rows) < page {
				return
			}
			last = rows[len(rows)-1].ID
		}
	}
}

type row struct{ ID, Record []byte }

func (r row) record() (envelope.Record, error) {
	if len(r.ID) != len(envelope.KeyID{}) {
		return envelope.Record{}, store.ErrCorrupt
	}
	return store.DecodeFor(envelope.KeyID(r.ID), r.Record)
}

func (d *DB) page(ctx context.Context, last []byte) (rows []row, err error) {
	err = d.observe(ctx, "SELECT", func() error {
		found, err := d.pool.Query(ctx, scan, last, page)
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(found, pgx.RowToStructByPos[row])
		return err
	})
	return rows, err
}
