package dynamodb_test

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/dynamodb"
	"github.com/sealmesh/sealmesh/keycache/store/storetest"
)

func open(t *testing.T, f *fake, table string) *dynamodb.Table {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	d, err := dynamodb.Open(t.Context(), table+"?region=eu-west-1&endpoint="+url.QueryEscape(f.URL))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStore(t *testing.T) {
	f := newFake(t)
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Store { return open(t, f, tableName) },
		Damage: func(t *testing.T, id envelope.KeyID, slot store.Slot, b []byte) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, pk := range []string{"k" + string(id[:]), "s" + string(slot[:])} {
				r := f.items[pk]["r"]
				damaged := b
				if b == nil {
					damaged = r.B[:len(r.B)-1]
				}
				r.B = bytes.Clone(damaged)
				f.items[pk]["r"] = r
			}
		},
	})
}

// Each answer of the service has its error, which quotes nothing.
func TestErrors(t *testing.T) {
	f := newFake(t)
	for code, class := range map[string]error{
		"AccessDeniedException":                  store.ErrMisconfigured,
		"ResourceNotFoundException":              store.ErrMisconfigured,
		"UnrecognizedClientException":            store.ErrMisconfigured,
		"InternalServerError":                    nil,
		"ProvisionedThroughputExceededException": nil,
	} {
		f.mu.Lock()
		f.failure = code
		f.mu.Unlock()
		_, err := open(t, f, tableName).Get(t.Context(), envelope.KeyID{})
		outage := err != nil && !errors.Is(err, store.ErrMisconfigured) && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt)
		if class != nil && !errors.Is(err, class) || class == nil && !outage {
			t.Errorf("%s: %v, want %v", code, err, class)
		}
		if err != nil && strings.Contains(err.Error(), "secret story") {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestNoTable(t *testing.T) {
	_, err := open(t, newFake(t), "elsewhere").Get(t.Context(), envelope.KeyID{})
	if !errors.Is(err, store.ErrMisconfigured) {
		t.Errorf("error %v", err)
	}
}

func TestAddress(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	for _, bad := range []string{"", "?region=eu-west-1", "a/b", "t?region=eu-west-1&colour=red", "t"} {
		if _, err := dynamodb.Open(t.Context(), bad); !errors.Is(err, store.ErrMisconfigured) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
