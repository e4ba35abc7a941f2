// Package postgres keeps wrapped-key records in a table of a PostgreSQL
// database, version 9.5 or later. [Schema] makes the table; this package never
// does.
//
// The URL has the form of libpq:
// postgres://user@host/database?sslmode=verify-full. PG* variables and a
// password file apply as usual. The role needs SELECT and INSERT on the table
// and nothing else: it cannot change or remove a record. The role of "sealmesh
// rewrap --stores" needs SELECT and UPDATE (record).
//
// A claim is one statement. It commits durably even if the database has
// synchronous_commit off: the statement sets synchronous_commit for itself.
// Unlike a start-up parameter, that works through a pooler such as PgBouncer.
//
// Connect to the primary: a replica that lags would deny existing records. With
// asynchronous replication a failover can lose the newest records and all
// values sealed under them: set synchronous_standby_names.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// Schema makes the table. Run it once, as the owner:
//
//	psql "$URL" -c "$(sealmesh keys store-schema)"
//
// and grant the role of the processes SELECT and INSERT, and the one under
// which "sealmesh rewrap --stores" runs SELECT and UPDATE (record).
const Schema = `CREATE TABLE sealmesh_data_keys (
  id         bytea PRIMARY KEY,
  slot       bytea NOT NULL UNIQUE,
  record     bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
`

const (
	// durable is a true condition. It makes the transaction of its statement
	// wait for the disk.
	durable = `set_config('synchronous_commit', 'on', true) = 'on'`

	claim = `INSERT INTO sealmesh_data_keys (id, slot, record) SELECT $1::bytea, $2::bytea, $3::bytea WHERE ` + durable + ` ON CONFLICT DO NOTHING`
	find  = `SELECT id, record FROM sealmesh_data_keys WHERE slot = $1`
	get   = `SELECT id, record FROM sealmesh_data_keys WHERE id = $1`
	// swap compares the current row, including changes of other transactions.
	swap = `UPDATE sealmesh_data_keys SET record = $3 WHERE id = $1 AND record = $2 AND ` + durable
	scan = `SELECT id, record FROM sealmesh_data_keys WHERE id > $1 ORDER BY id LIMIT $2`
)

const (
	table          = "sealmesh_data_keys"
	maxConnections = 4
	connectTimeout = 2 * time.Second
	page           = 500 // records of one scan
)

// A DB is a [store.Store] in a table.
type DB struct {
	pool *pgxpool.Pool
	call store.Call // common fields of all calls
}

var _ store.Store = (*DB)(nil)

// Open returns the store in the database of url. It connects on first use.
func Open(ctx context.Context, url string) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres store: %w: the URL is malformed", store.ErrMisconfigured) // the cause may contain a password
	}
	cfg.MaxConns = maxConnections
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements: poolers lose them
	cfg.ConnConfig.RuntimeParams["application_name"] = "sealmesh"
	cfg.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		renew(c, url)
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, classify("open", err)
	}
	return &DB{pool: pool, call: store.Call{
		System: "postgresql", Namespace: cfg.ConnConfig.Database, Collection: table,
		Server: cfg.ConnConfig.Host, Port: int(cfg.ConnConfig.Port),
	}}, nil
}

// Claim implements [store.Store].
func (d *DB) Claim(ctx context.Context, slot store.Slot, r envelope.Record) (envelope.Record, error) {
	b, err := store.Encode(r)
	if err != nil {
		return envelope.Record{}, err
	}
	id := r.KeyID()
	if n, err := d.exec(ctx, "INSERT", claim, id[:], slot[:], b); err != nil || n == 1 {
		return recordIf(r, err), classify("claim", err)
	}
	return d.Find(ctx, slot)
}

// Find implements [store.Store].
func (d *DB) Find(ctx context.Context, slot store.Slot) (envelope.Record, error) {
	r, err := d.query(ctx, find, slot[:])
	return r, classify("find", err)
}

// Get implements [store.Store].
func (d *DB) Get(ctx context.Context, id envelope.KeyID) (envelope.Record, error) {
	r, err := d.query(ctx, get, id[:])
	return r, classify("get", err)
}

func (d *DB) query(ctx context.Context, sql string, arg []byte) (envelope.Record, error) {
	var found row
	err := d.observe(ctx, "SELECT", func() error {
		err := d.pool.QueryRow(ctx, sql, arg).Scan(&found.ID, &found.Record)
		if errors.Is(err, pgx.ErrNoRows) {
			err = store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return envelope.Record{}, err
	}
	return found.record()
}

// exec returns the number of rows that a statement changed.
func (d *DB) exec(ctx context.Context, verb, sql string, args ...any) (n int64, err error) {
	err = d.observe(ctx, verb, func() error {
		tag, err := d.pool.Exec(ctx, sql, args...)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// observe runs ask and reports it to the observer. No row is not an error.
func (d *DB) observe(ctx context.Context, verb string, ask func() error) error {
	c := d.call
	c.Operation, c.Start = verb, time.Now()
	err := ask()
	c.End = time.Now()
	if c.Err = err; errors.Is(err, store.ErrNotFound) {
		c.Err = nil
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		c.Code = e.Code
	}
	store.Observe(ctx, c)
	return err
}

// Close implements [store.Store].
func (d *DB) Close() error {
	d.pool.Close()
	return nil
}
