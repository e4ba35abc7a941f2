package hsmtest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// dresses returns the ways in which bytes turn up in messages: raw, quoted,
// hexadecimal, base64 and the way fmt prints a slice.
func dresses(b []byte) []string {
	slice := fmt.Sprint(b)
	return []string{
		string(b),
		strings.Trim(fmt.Sprintf("%q", b), `"`),
		hex.EncodeToString(b),
		strings.ToUpper(hex.EncodeToString(b)),
		// Of the base64 text, what does not depend on the bytes around it.
		base64.RawStdEncoding.EncodeToString(b[:6]),
		base64.RawURLEncoding.EncodeToString(b[:6]),
		slice[1 : len(slice)-1],
	}
}
