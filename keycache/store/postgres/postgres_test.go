package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/postgres"
	"github.com/sealmesh/sealmesh/keycache/store/postgres/postgrestest"
	"github.com/sealmesh/sealmesh/keycache/store/storetest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, url string) *postgres.DB {
	t.Helper()
	d, err := postgres.Open(t.Context(), url)
	must(t, err)
	return d
}

func TestStore(t *testing.T) {
	s := postgrestest.Start(t)
	storetest.Run(t, storetest.Harness{
		Open:   func(t *testing.T) store.Store { return open(t, s.URL("rewrapper")) },
		Damage: damager(s),
	})
	t.Run("Pooled", func(t *testing.T) { pooled(t, s) })
	t.Run("CannotReplace", func(t *testing.T) { cannotReplace(t, s) })
	t.Run("Pages", func(t *testing.T) { pages(t, s) })
	t.Run("Refused", func(t *testing.T) { refused(t, s) })
	t.Run("Killed", func(t *testing.T) { killed(t, s) })
	t.Run("Away", func(t *testing.T) { away(t, s) })
}

// damager changes a record behind the store's back.
func damager(s *postgrestest.Server) func(*testing.T, envelope.KeyID, store.Slot, []byte) {
	return func(t *testing.T, id envelope.KeyID, _ store.Slot, b []byte) {
		if b == nil {
			s.Exec(t, "UPDATE sealmesh_data_keys SET record = substr(record, 1, length(record) - 1) WHERE id = $1", id[:])
			return
		}
		s.Exec(t, "UPDATE sealmesh_data_keys SET record = $2 WHERE id = $1", id[:], b)
	}
}

// pooled: a pooler in transaction mode, which takes no start-up parameters and
// prepares no statements, serves every operation.
func pooled(t *testing.T, s *postgrestest.Server) {
	url := s.Pooler(t, "rewrapper")
	storetest.Run(t, storetest.Harness{
		Open:   func(t *testing.T) store.Store { return open(t, url) },
		Damage: damager(s),
	})
	d := open(t, strings.Replace(url, "/postgres?", "/elsewhere?", 1))
	defer d.Close()
	if _, err := d.Get(t.Context(), envelope.KeyID{}); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("the pooler's own words are not in the error: %v", err)
	}
}

// refused: errors that only an operator can fix say so, and shows no password.
func refused(t *testing.T, s *postgrestest.Server) {
	for _, url := range []string{s.URL("stranger"), s.URL("nobody-of-that-name"), strings.Replace(s.URL("sealmesh"), "/postgres", "/template1", 1)} {
		d := open(t, url)
		_, err := d.Get(t.Context(), envelope.KeyID{})
		if !errors.Is(err, store.ErrMisconfigured) {
			t.Errorf("%s: %v", url, err)
		}
		must(t, d.Close())
	}
	if _, err := postgres.Open(t.Context(), "postgres://me:hunter2@host:port/x"); !errors.Is(err, store.ErrMisconfigured) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

// cannotReplace: the role of the processes that seal changes no record, and its
// error says what is missing.
func cannotReplace(t *testing.T, s *postgrestest.Server) {
	d := open(t, s.URL("sealmesh"))
	defer d.Close()
	r := storetest.NewRecord(t, 1, 184)
	_, err := d.Put(t.Context(), r)
	must(t, err)
	next := storetest.NewRecord(t, 1, 184)
	next.Commitment = r.Commitment
	if _, err = d.Replace(t.Context(), r, next); !errors.Is(err, store.ErrMisconfigured) || !strings.Contains(err.Error(), "UPDATE") {
		t.Errorf("error %v", err)
	}
	if got, err := d.Get(t.Context(), r.KeyID()); err != nil || string(got.Wraps[0].Wrapped) != string(r.Wraps[0].Wrapped) {
		t.Errorf("after that: %v", err)
	}
}

// pages: a scan finds every record of many pages once.
func pages(t *testing.T, s *postgrestest.Server) {
	s.Exec(t, "TRUNCATE sealmesh_data_keys")
	d := open(t, s.URL("sealmesh"))
	defer d.Close()
	const records = 1203 // two pages and a part of one
	s.Exec(t, `INSERT INTO sealmesh_data_keys (id, slot, record)
		SELECT c16, c16, '\x01' || c16 || c16 || '\x01c8000000000001' || '\x78'
		FROM (SELECT decode(md5(i::text), 'hex') c16 FROM generate_series(1, $1) i) t`, records)
	seen := map[envelope.KeyID]bool{}
	for r, err := range d.All(t.Context()) {
		must(t, err)
		seen[r.KeyID()] = true
	}
	if len(seen) != records {
		t.Errorf("%d records, want %d", len(seen), records)
	}
}

// away: an outage is none of the other errors, and once it is over all is as
// before.
func away(t *testing.T, s *postgrestest.Server) {
	d := open(t, s.URL("sealmesh"))
	defer d.Close()
	r := storetest.NewRecord(t, 1, 184)
	_, err := d.Claim(t.Context(), storetest.NewSlot(), r)
	must(t, err)
	s.Stop(t)
	_, err = d.Get(t.Context(), r.KeyID())
	for _, wrong := range []error{nil, store.ErrNotFound, store.ErrCorrupt, store.ErrMisconfigured} {
		if errors.Is(err, wrong) {
			t.Errorf("while it is away: %v", err)
		}
	}
	s.Start(t)
	if got, err := d.Get(t.Context(), r.KeyID()); err != nil || got.Commitment != r.Commitment {
		t.Errorf("after it came back: %v", err)
	}
}

// killed: a record that a claim, a put or a replacement returned outlives a
// server that is killed, although this one does not commit durably by itself.
func killed(t *testing.T, s *postgrestest.Server) {
	for range 3 {
		var mu sync.Mutex
		there := map[envelope.KeyID]envelope.Record{}
		d := open(t, s.URL("rewrapper"))
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for {
					r, err := write(t, d, i)
					if err != nil {
						return
					}
					mu.Lock()
					there[r.KeyID()] = r
					enough := len(there) == 400
					mu.Unlock()
					if enough {
						s.Kill(t)
					}
				}
			})
		}
		wg.Wait()
		must(t, d.Close())
		s.Start(t)
		d = open(t, s.URL("rewrapper"))
		for id, want := range there {
			if got, err := d.Get(t.Context(), id); err != nil || string(got.Wraps[0].Wrapped) != string(want.Wraps[0].Wrapped) {
				t.Fatalf("of %d records, one is lost or as it was: %v", len(there), err)
			}
		}
		must(t, d.Close())
	}
}

// write stores a record in one of three ways.
func write(t *testing.T, d *postgres.DB, way int) (envelope.Record, error) {
	r := storetest.NewRecord(t, 1, 184)
	if way == 0 {
		return d.Claim(t.Context(), storetest.NewSlot(), r)
	}
	got, err := d.Put(t.Context(), r)
	if err != nil || way == 1 {
		return got, err
	}
	next := storetest.NewRecord(t, 1, 184)
	next.Commitment = r.Commitment
	return d.Replace(t.Context(), r, next)
}
