package transit

import (
	"context"
	"errors"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard"
)

// unanswered classifies a request that got no answer. Its texts name hosts and
// files, but never what was sent or answered.
func (c *client) unanswered(ctx context.Context, operation string, err error) *hsm.Error {
	failed := &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: operation, KeyID: c.keyID}
	failed.Err, failed.Hint = guard.Unanswered(ctx, err,
		"see whether the server is overloaded, or raise timeout=",
		"check the network path to Vault: address, DNS, firewall, CA (ca-file), client certificate")
	if errors.Is(err, errPlainHTTP) || strings.Contains(err.Error(), "protocol downgrade") { // the SDK's own words
		failed.Err = errPlainHTTP
	}
	return failed
}
