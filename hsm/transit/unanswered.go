package transit

import (
	"context"
	"errors"
	"net"
	"net/url"

	"github.com/sealmesh/sealmesh/hsm"
)

// unanswered is for what never became an answer. Its texts name hosts and files,
// and nothing that was sent: the SDK's error names the URL, which is left out.
func (c *client) unanswered(ctx context.Context, operation string, err error) *hsm.Error {
	failed := &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: operation, KeyID: c.keyID}
	if ctx.Err() != nil {
		failed.Err = ctx.Err()
		return failed
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		failed.Err, failed.Hint = errors.New("no answer in time"), "see whether the server is overloaded, or raise timeout="
		return failed
	}
	failed.Err, failed.Hint = err, "check the network path to Vault: address, DNS, firewall, CA (ca-file), client certificate"
	return failed
}
