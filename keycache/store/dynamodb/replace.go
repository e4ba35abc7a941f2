package dynamodb

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

const conditionFailed = "ConditionalCheckFailedException"

// Put implements [store.Store].
func (t *Table) Put(ctx context.Context, r envelope.Record) (envelope.Record, error) {
	b, err := store.Encode(r)
	if err != nil {
		return envelope.Record{}, err
	}
	id := r.KeyID()
	_, err = t.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &t.name, Item: item(ofKey, id[:], b), ConditionExpression: aws.String(notTaken),
	})
	return t.now(ctx, "put", r, err)
}

// Replace implements [store.Store].
func (t *Table) Replace(ctx context.Context, old, next envelope.Record) (envelope.Record, error) {
	a, b, err := store.EncodeBoth(old, next)
	if err != nil {
		return envelope.Record{}, err
	}
	id := old.KeyID()
	_, err = t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: key(ofKey, id[:]),
		UpdateExpression:    aws.String("SET r = :next"),
		ConditionExpression: aws.String("r = :old"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":old": &types.AttributeValueMemberB{Value: a}, ":next": &types.AttributeValueMemberB{Value: b},
		},
	})
	return t.now(ctx, "replace", next, err)
}

// now returns the current record after a conditional write of r.
func (t *Table) now(ctx context.Context, operation string, r envelope.Record, err error) (envelope.Record, error) {
	switch {
	case err == nil:
		return r, nil
	case codeOf(err) == conditionFailed:
		return t.Get(ctx, r.KeyID())
	default:
		return envelope.Record{}, classify(operation, err)
	}
}

// All implements [store.Store].
func (t *Table) All(ctx context.Context) iter.Seq2[envelope.Record, error] {
	return func(yield func(envelope.Record, error) bool) {
		pages := dynamodb.NewScanPaginator(t.client, &dynamodb.ScanInput{
			TableName: &t.name, ConsistentRead: aws.Bool(true),
			FilterExpression:          aws.String("begins_with(pk, :k)"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":k": &types.AttributeValueMemberB{Value: []byte{ofKey}}},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(envelope.Record{}, classify("scan", err))
				return
			}
			for _, item := range page.Items {
				r, err := ofItem(item)
				if !yield(r, classify("scan", err)) {
					return
				}
			}
		}
	}
}

func ofItem(item map[string]types.AttributeValue) (envelope.Record, error) {
	pk, ok := item[keyAttribute].(*types.AttributeValueMemberB)
	r, also := item[recordAttribute].(*types.AttributeValueMemberB)
	if !ok || !also || len(pk.Value) != 1+len(envelope.KeyID{}) {
		return envelope.Record{}, store.ErrCorrupt
	}
	return store.DecodeFor(envelope.KeyID(pk.Value[1:]), r.Value)
}
