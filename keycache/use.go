package keycache

import (
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// Source returns where the data keys of the key of that name come from, or nil.
func (c *Cache) Source(name string) *source.Source {
	if k := c.keys[name]; k != nil {
		return k.Source
	}
	return nil
}

// Sources returns the source of every key, in order of name.
func (c *Cache) Sources() []*source.Source {
	var all []*source.Source
	for _, k := range c.sorted() {
		all = append(all, k.Source)
	}
	return all
}

// CheckSuite returns an *Error if the cache admits FIPS-approved suites only
// and the suite of that number is not one of them.
func (c *Cache) CheckSuite(key string, id suite.ID) error {
	if err := c.checkSuite(id); err != nil {
		return &Error{Reason: SuiteUnapproved, Key: key, Err: err}
	}
	return nil
}

// OpenError returns the *Error for a failure to get the data key of an
// envelope.
func OpenError(key string, err error) error {
	return &Error{Reason: reasonToOpen(err), Key: key, Err: err}
}

// Use runs f, which uses the data key of that id outside of a session, and
// records the use. What f made must not leave if Use fails. name is the route
// and direction of the use. Errors are *Error.
func (c *Cache) Use(name, operation, key string, id envelope.KeyID, f func() error) error {
	use := keyuse.Use{Start: time.Now().UnixNano(), Key: key, Operation: operation, Fields: 1, Cache: "miss"}
	err := f()
	use.End = time.Now().UnixNano()
	if err != nil {
		err = OpenError(key, err)
		use.ErrorType = outcome(err)
	} else {
		use.DataKey = id
	}
	x := keyuse.Exchange{Route: name, Direction: name}
	if full := c.recorder.Record(&x, []keyuse.Use{use}, keyuse.Reservation{}); full != nil && err == nil {
		err = &Error{Reason: AuditFull, Key: key, Err: full}
	}
	return err
}
