package dynamodb_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A fake answers GetItem and TransactWriteItems of DynamoDB's JSON 1.0 protocol,
// for one table whose key is pk, and as the service does: an eventually consistent read may miss what was
// written last, and of two transactions that meet one is cancelled.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	items   map[string]item
	busy    map[string]bool // keys that a transaction is at
	latest  string          // what an eventually consistent read does not see yet
	failure string          // error code of every answer; "" for none
}

type item map[string]struct{ B []byte }

type put struct {
	TableName           string
	Item                item
	ConditionExpression string
}

const tableName = "sealmesh-data-keys"

func newFake(t *testing.T) *fake {
	f := &fake{items: map[string]item{}, busy: map[string]bool{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	failure := f.failure
	f.mu.Unlock()
	var in struct {
		TableName      string
		Key            item
		ConsistentRead bool
		TransactItems  []struct{ Put put }
	}
	switch err := json.Unmarshal(body, &in); {
	case failure != "":
		fail(w, failure, nil)
	case err != nil || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		fail(w, "ValidationException", nil)
	case r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.GetItem":
		f.get(w, in.TableName, string(in.Key["pk"].B), in.ConsistentRead)
	case r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.TransactWriteItems":
		var puts []put
		for _, i := range in.TransactItems {
			puts = append(puts, i.Put)
		}
		f.transact(w, puts)
	default:
		fail(w, "UnknownOperationException", nil)
	}
}

func (f *fake) get(w http.ResponseWriter, table, pk string, consistent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if table != tableName {
		fail(w, "ResourceNotFoundException", nil)
		return
	}
	out := map[string]any{}
	if i, ok := f.items[pk]; ok && (consistent || pk != f.latest) {
		out["Item"] = i
	}
	reply(w, http.StatusOK, out)
}

func (f *fake) transact(w http.ResponseWriter, puts []put) {
	reasons, held := make([]map[string]string, len(puts)), []string{}
	cancelled := false
	f.mu.Lock()
	for i, p := range puts {
		code, pk := "None", string(p.Item["pk"].B)
		_, taken := f.items[pk]
		switch {
		case p.TableName != tableName:
			code = "ResourceNotFound"
		case f.busy[pk]:
			code = "TransactionConflict"
		case taken && p.ConditionExpression == "attribute_not_exists(pk)":
			code = "ConditionalCheckFailed"
		}
		reasons[i] = map[string]string{"Code": code}
		cancelled = cancelled || code != "None"
	}
	if !cancelled {
		for _, p := range puts {
			pk := string(p.Item["pk"].B)
			f.busy[pk] = true
			held = append(held, pk)
		}
	}
	f.mu.Unlock()
	if cancelled {
		fail(w, "TransactionCanceledException", reasons)
		return
	}
	f.mu.Lock() // others have had a chance to meet this one
	defer f.mu.Unlock()
	for i, p := range puts {
		delete(f.busy, held[i])
		f.items[held[i]], f.latest = p.Item, held[i]
	}
	reply(w, http.StatusOK, map[string]any{})
}

func fail(w http.ResponseWriter, code string, reasons any) {
	status := http.StatusBadRequest
	if code == "InternalServerError" {
		status = http.StatusInternalServerError
	}
	reply(w, status, map[string]any{
		"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": "the secret story", "CancellationReasons": reasons,
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
