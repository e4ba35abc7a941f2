// Package dynamodb keeps wrapped-key records in an Amazon DynamoDB table. To
// make the table:
//
//	aws dynamodb create-table --table-name sealmesh-data-keys \
//	  --attribute-definitions AttributeName=pk,AttributeType=B \
//	  --key-schema AttributeName=pk,KeyType=HASH \
//	  --billing-mode PAY_PER_REQUEST --deletion-protection-enabled
//
// The URL is dynamodb:TABLE?region=…, with &endpoint=… for a substitute of the
// service. Both default to the environment. The role needs dynamodb:PutItem and
// dynamodb:GetItem on the table (a transaction needs the permissions of its
// parts) and nothing else: it cannot delete. IAM cannot distinguish a new item
// from an overwritten one, so enable point-in-time recovery. The role of
// "sealmesh rewrap --stores" needs GetItem, Scan and UpdateItem.
//
// Partition key pk is 'k' and the id of the data key, or 's' and the slot.
// Attribute r of both is the record. The record of a slot is never replaced; it
// only names the data key. A claim writes both in one transaction, or neither.
//
// All reads are strongly consistent: an eventually consistent read may deny an
// existing record. For the same reason only one Region may write. A global
// table in its default mode accepts two first writers, one in each Region, and
// loses one of their slots; their data keys stay readable by id, later. Use
// multi-Region strong consistency, or a table and a key name for each Region.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithy "github.com/aws/smithy-go/middleware"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

const (
	keyAttribute    = "pk"
	recordAttribute = "r"
	notTaken        = "attribute_not_exists(pk)"
	ofKey           = 'k'
	ofSlot          = 's'
	attempts        = 2 // of one request; the caller retries with a back-off
	// Processes that start together claim one slot at once. DynamoDB cancels
	// conflicting transactions. Each is tried this often, after a random part
	// of the pause.
	conflicts     = 10
	conflictPause = 100 * time.Millisecond
)

// A Table is a [store.Store] in a DynamoDB table.
type Table struct {
	client *dynamodb.Client
	name   string
}

var _ store.Store = (*Table)(nil)

// Open returns the store in a table: TABLE?region=R&endpoint=URL. It sends no
// request.
func Open(ctx context.Context, address string) (*Table, error) {
	name, query, _ := strings.Cut(address, "?")
	name = strings.TrimPrefix(name, "//")
	q, err := url.ParseQuery(query)
	if err != nil || name == "" || strings.ContainsAny(name, "/:") {
		return nil, fmt.Errorf("dynamodb store: %w: write dynamodb:TABLE or dynamodb:TABLE?region=REGION", store.ErrMisconfigured)
	}
	for parameter := range q {
		if parameter != "region" && parameter != "endpoint" {
			return nil, fmt.Errorf("dynamodb store: %w: unknown parameter %q: known are region and endpoint", store.ErrMisconfigured, parameter)
		}
	}
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = attempts })
		}),
	}
	if region := q.Get("region"); region != "" {
		options = append(options, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, classify("open", err)
	}
	if cfg.Region == "" {
		return nil, fmt.Errorf("dynamodb store: %w: no Region: write dynamodb:%s?region=REGION or set AWS_REGION", store.ErrMisconfigured, name)
	}
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		if endpoint := q.Get("endpoint"); endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.APIOptions = append(o.APIOptions, func(stack *smithy.Stack) error {
			return stack.Finalize.Insert(observer{table: name, region: cfg.Region}, "Retry", smithy.After)
		})
	})
	return &Table{client: client, name: name}, nil
}

// Claim implements [store.Store].
func (t *Table) Claim(ctx context.Context, slot store.Slot, r envelope.Record) (envelope.Record, error) {
	b, err := store.Encode(r)
	if err != nil {
		return envelope.Record{}, err
	}
	id := r.KeyID()
	for range conflicts {
		_, err = t.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
			TransactItems: []types.TransactWriteItem{t.put(ofKey, id[:], b), t.put(ofSlot, slot[:], b)},
		})
		switch {
		case err == nil:
			return r, nil
		case cancelledFor(err, "ConditionalCheckFailed"):
			return t.Find(ctx, slot)
		case !cancelledFor(err, "TransactionConflict"):
			return envelope.Record{}, classify("claim", err)
		}
		if err := pause(ctx); err != nil {
			return envelope.Record{}, classify("claim", err)
		}
	}
	return envelope.Record{}, classify("claim", err)
}

// pause waits so that another transaction on the same slot can end.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(conflictPause)):
		return nil
	}
}

func (t *Table) put(kind byte, name, record []byte) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &t.name, Item: item(kind, name, record), ConditionExpression: aws.String(notTaken),
	}}
}

func key(kind byte, name []byte) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{keyAttribute: &types.AttributeValueMemberB{Value: append([]byte{kind}, name...)}}
}

func item(kind byte, name, record []byte) map[string]types.AttributeValue {
	i := key(kind, name)
	i[recordAttribute] = &types.AttributeValueMemberB{Value: record}
	return i
}

// cancelledFor reports whether a transaction was cancelled for the reason code.
func cancelledFor(err error, code string) bool {
	e, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return false
	}
	for _, reason := range e.CancellationReasons {
		if aws.ToString(reason.Code) == code {
			return true
		}
	}
	return false
}

// Find implements [store.Store].
func (t *Table) Find(ctx context.Context, slot store.Slot) (envelope.Record, error) {
	b, err := t.get(ctx, ofSlot, slot[:])
	if err != nil {
		return envelope.Record{}, classify("find", err)
	}
	r, err := store.Decode(b)
	if err != nil {
		return envelope.Record{}, classify("find", err)
	}
	id := r.KeyID()
	r, err = t.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = classify("find", store.ErrCorrupt) // the data key of the slot has no record
	}
	return r, err
}

// Get implements [store.Store].
func (t *Table) Get(ctx context.Context, id envelope.KeyID) (envelope.Record, error) {
	b, err := t.get(ctx, ofKey, id[:])
	if err != nil {
		return envelope.Record{}, classify("get", err)
	}
	r, err := store.DecodeFor(id, b)
	return r, classify("get", err)
}

func (t *Table) get(ctx context.Context, kind byte, name []byte) ([]byte, error) {
	out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, ConsistentRead: aws.Bool(true), Key: key(kind, name)})
	switch {
	case err != nil:
		return nil, err
	case out.Item == nil:
		return nil, store.ErrNotFound
	}
	r, ok := out.Item[recordAttribute].(*types.AttributeValueMemberB)
	if !ok {
		return nil, store.ErrCorrupt
	}
	return r.Value, nil
}

// Close implements [store.Store]. There is nothing to close.
func (t *Table) Close() error { return nil }

// classify turns an error of the service into one of package store. It leaves
// out the message of the service, which may contain the request.
func classify(operation string, err error) error {
	if err == nil {
		return nil
	}
	if code := codeOf(err); code != "" {
		switch code {
		case "ResourceNotFoundException", "AccessDeniedException", "UnrecognizedClientException", "ValidationException", "InvalidSignatureException":
			err = fmt.Errorf("%w: %s: make the table, and allow PutItem and GetItem on it (to re-wrap, UpdateItem and Scan)", store.ErrMisconfigured, code)
		default:
			err = errors.New(code)
		}
	}
	return fmt.Errorf("dynamodb store: %s: %w", operation, err)
}
