package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sealmesh/sealmesh/keycache/store"
)

// maxText bounds what an error quotes of a server's, in bytes.
const maxText = 200

// classify says what a failure is to a caller. The server's own text is in the
// error, since a pooler says in it what it objects to; what else a server sends,
// which may show a row, is not.
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

// passing are the classes of SQLSTATE that may pass by themselves: connections,
// which is all that a pooler says of a server that it does not reach, rolled back
// transactions, resources, states of objects, an operator's doing, and faults of
// the system and of the server. What is of another class, only an operator fixes.
const passing = "08 40 53 55 57 58 XX"

func passes(sqlstate string) bool {
	return len(sqlstate) != 5 || strings.Contains(passing, sqlstate[:2])
}
