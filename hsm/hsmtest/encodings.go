package hsmtest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// encodings returns b as it may appear in messages: raw, quoted, hexadecimal,
// base64 and as fmt prints a slice.
func encodings(b []byte) []string {
	slice := fmt.Sprint(b)
	return []string{
		string(b),
		strings.Trim(fmt.Sprintf("%q", b), `"`),
		hex.EncodeToString(b),
		strings.ToUpper(hex.EncodeToString(b)),
		// The part of the base64 text that does not depend on the bytes around it.
		base64.RawStdEncoding.EncodeToString(b[:6]),
		base64.RawURLEncoding.EncodeToString(b[:6]),
		slice[1 : len(slice)-1],
	}
}
