package dynamodb_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A fake answers GetItem, PutItem, UpdateItem, Scan and TransactWriteItems of
// DynamoDB's JSON 1.0 protocol, for one table whose key is pk, and as the
// service does: an eventually consistent read may miss what was written last,
// of two transactions that meet one is cancelled, a page of a scan may be short
// or empty.
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
	var in input
	operation, _ := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	err := json.Unmarshal(body, &in)
	switch {
	case failure != "":
		fail(w, failure, nil)
		return
	case err != nil || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		fail(w, "ValidationException", nil)
		return
	case operation == "TransactWriteItems":
		var puts []put
		for _, i := range in.TransactItems {
			puts = append(puts, i.Put)
		}
		f.transact(w, puts)
		return
	case in.TableName != tableName:
		fail(w, "ResourceNotFoundException", nil)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.do(w, operation, in)
}

// input is what the operations have in common.
type input struct {
	put
	Key                       item
	ConsistentRead            bool
	UpdateExpression          string
	FilterExpression          string
	ExpressionAttributeValues item
	ExclusiveStartKey         item
	TransactItems             []struct{ Put put }
}

func (f *fake) do(w http.ResponseWriter, operation string, in input) {
	switch operation {
	case "GetItem":
		f.get(w, string(in.Key["pk"].B), in.ConsistentRead)
	case "PutItem":
		f.write(w, string(in.Item["pk"].B), in, in.Item)
	case "UpdateItem":
		pk := string(in.Key["pk"].B)
		next := maps.Clone(f.items[pk])
		if next == nil || in.UpdateExpression != "SET r = :next" {
			next = item{"pk": in.Key["pk"]}
		}
		next["r"] = in.ExpressionAttributeValues[":next"]
		f.write(w, pk, in, next)
	case "Scan":
		f.scan(w, in)
	default:
		fail(w, "UnknownOperationException", nil)
	}
}

// write puts an item where its condition holds.
func (f *fake) write(w http.ResponseWriter, pk string, in input, next item) {
	there, taken := f.items[pk]
	holds := in.ConditionExpression == ""
	switch in.ConditionExpression {
	case "attribute_not_exists(pk)":
		holds = !taken
	case "r = :old":
		holds = taken && bytes.Equal(there["r"].B, in.ExpressionAttributeValues[":old"].B)
	}
	switch {
	case f.busy[pk]:
		fail(w, "TransactionConflictException", nil)
	case !holds:
		fail(w, "ConditionalCheckFailedException", nil)
	default:
		f.items[pk], f.latest = next, pk
		reply(w, http.StatusOK, map[string]any{})
	}
}

// scanPage is how many items the fake looks at for one page, before its filter.
const scanPage = 3

func (f *fake) scan(w http.ResponseWriter, in input) {
	var found []item
	names := slices.Sorted(maps.Keys(f.items)) // any order that stays does
	start, last := string(in.ExclusiveStartKey["pk"].B), ""
	seen := 0
	for _, pk := range names {
		if pk <= start {
			continue
		}
		if seen == scanPage {
			break
		}
		seen, last = seen+1, pk
		hidden := !in.ConsistentRead && pk == f.latest
		filtered := in.FilterExpression == "begins_with(pk, :k)" && !strings.HasPrefix(pk, string(in.ExpressionAttributeValues[":k"].B))
		if !hidden && !filtered {
			found = append(found, f.items[pk])
		}
	}
	out := map[string]any{"Items": found, "Count": len(found), "ScannedCount": seen}
	if seen == scanPage {
		out["LastEvaluatedKey"] = map[string]any{"pk": map[string]any{"B": []byte(last)}}
	}
	reply(w, http.StatusOK, out)
}

func (f *fake) get(w http.ResponseWriter, pk string, consistent bool) {
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
