package envelope_test

import (
	"bytes"
	"fmt"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// One value is sealed under a data key, and opened by who has that key and says
// the same of the value.
func Example() {
	key := bytes.Repeat([]byte{1}, suite.KeySize) // a data key is random, and never at rest like this
	c, err := suite.ByID(suite.AES256SIV).New(key)
	if err != nil {
		panic(err)
	}
	commitment := envelope.Commitment(key)
	h := envelope.Header{Suite: c.Suite(), Kind: codec.Text, KeyID: envelope.KeyID(commitment[:16])}
	context := envelope.NewFrame("pii.email", map[string]string{"service": "customers"}).Context(nil)

	sealer, err := envelope.NewSealer(h, c)
	if err != nil {
		panic(err)
	}
	text, err := sealer.Seal(nil, h.Kind, []byte("ada@example.com"), context)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", text)

	h, payload, buf, err := envelope.Parse(nil, text)
	if err != nil {
		panic(err)
	}
	value, _, err := envelope.Open(nil, buf, h, c, payload, context)
	fmt.Printf("%s %v\n", value, err)

	other := envelope.NewFrame("pii.ssn", map[string]string{"service": "customers"}).Context(nil)
	_, _, err = envelope.Open(nil, buf, h, c, payload, other)
	fmt.Println(err)
	// Output:
	// sm1.AwCc4LUmhUYesfHz0uUVPrICnBielAso1Tf1uSEBxvimqOLOK0X7pg1k-AB5CiSJVw
	// ada@example.com <nil>
	// open: the value is not authentic
}
