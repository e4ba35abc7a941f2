package keycache

import (
	"context"
	"errors"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
)

// NewRecord makes the data key of a pinned key: the first KEK generates it, all
// others wrap it too, and nothing but its record comes out, in text form, for
// hsm.Key.Record. There is no quorum: what is made once is made whole.
func NewRecord(ctx context.Context, ec hsm.EncryptionContext, keks ...hsm.KEK) ([]byte, error) {
	if len(keks) == 0 {
		return nil, errors.New("new record: name at least one KEK")
	}
	secret, wrapped, err := keks[0].Provider.GenerateDataKey(ctx, ec)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	var r envelope.Record
	secret.Expose(func(b []byte) { r.Commitment = envelope.Commitment(b) })
	for i, kk := range keks {
		if i > 0 {
			if wrapped, err = kk.Provider.WrapDataKey(ctx, secret, ec); err != nil {
				return nil, err
			}
		}
		r.Wraps = append(r.Wraps, envelope.Wrap{ProviderID: kk.ProviderID, KEK: kk.Ref(), Wrapped: wrapped})
	}
	if err := checkNew(secret, r); err != nil {
		return nil, err
	}
	return envelope.AppendRecordText(nil, r), nil
}
