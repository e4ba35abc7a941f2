package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sealmesh/sealmesh/keycache/store"
)

// maxText is the longest text of a server that an error quotes, in bytes.
const maxText = 200

// classify turns an error of the server into one of package store. It quotes
// the main text, which a pooler uses for its objections. It leaves out the
// details, which may contain a row.
func classify(operation string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		err = fmt.Errorf("SQLSTATE %s: %s", e.Code, e.Message[:min(len(e.Message), maxText)])
		if !passes(e.Code) {
			err = fmt.Errorf("%w: %w: make the table with Schema, and grant SELECT and INSERT on it (to re-wrap, UPDATE too)", store.ErrMisconfigured, err)
		}
	}
	return fmt.Errorf("postgres store: %s: %w", operation, err)
}

// passing lists the classes of SQLSTATE that may pass by themselves:
// connections (all that a pooler reports about an unreachable server), rolled
// back transactions, resources, object states, operator intervention, system
// errors and internal errors. Other classes need an operator.
const passing = "08 40 53 55 57 58 XX"

func passes(sqlstate string) bool {
	return len(sqlstate) != 5 || strings.Contains(passing, sqlstate[:2])
}
