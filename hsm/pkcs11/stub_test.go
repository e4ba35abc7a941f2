//go:build !cgo || windows

package pkcs11

import (
	"context"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

func TestWithoutCgo(t *testing.T) {
	p, _, err := Open(context.Background(), valid)
	if p != nil || hsm.ClassOf(err) != hsm.Unsupported || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("Open: %v, %v", p, err)
	}
	if _, err := CreateKEK(context.Background(), valid); hsm.ClassOf(err) != hsm.Unsupported {
		t.Errorf("CreateKEK: %v", err)
	}
	if _, _, err := Open(context.Background(), "pkcs11:"); hsm.ClassOf(err) != hsm.Misconfigured {
		t.Errorf("Open of a malformed URI: %v", err)
	}
}
