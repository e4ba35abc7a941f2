package suite

import (
	"bytes"
	"sync"
	"testing"
)

func TestPrefixes(t *testing.T) {
	key := bytes.Repeat([]byte{1}, KeySize)
	seen := make(map[prefix]bool)
	for range 100 {
		c := newPrefixed(t, XAES256GCM, key)
		var first []byte
		for range 3 {
			payload, err := c.Seal(nil, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = payload
			} else if !bytes.Equal(payload[:prefixSize], first[:prefixSize]) {
				t.Fatal("a Cipher changed its prefix")
			} else if bytes.Equal(payload[prefixSize:][:nonceSize], first[prefixSize:][:nonceSize]) {
				t.Fatal("a nonce came twice")
			}
		}
		if p := prefix(first); seen[p] {
			t.Fatal("two Ciphers share a prefix")
		} else {
			seen[p] = true
		}
	}
}

// Those who seal first at the same time agree on one prefix.
func TestFirstSealsShareOnePrefix(t *testing.T) {
	for range 50 {
		c := newPrefixed(t, XAES256GCM, bytes.Repeat([]byte{1}, KeySize))
		payloads := make([][]byte, 4)
		var wg sync.WaitGroup
		for i := range payloads {
			wg.Go(func() { payloads[i], _ = c.Seal(nil, nil, nil) })
		}
		wg.Wait()
		for _, p := range payloads {
			if !bytes.HasPrefix(p, payloads[0][:prefixSize]) {
				t.Fatal("two prefixes in one Cipher")
			}
		}
	}
}

// A Cipher that only opens has no prefix, and one that only seals no table.
func TestUnusedStaysSmall(t *testing.T) {
	key := bytes.Repeat([]byte{1}, KeySize)
	sealer, opener := newPrefixed(t, XAES256GCM, key), newPrefixed(t, XAES256GCM, key)
	payload, err := sealer.Seal(nil, []byte("value"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*prefixed{sealer, opener} {
		if _, err := c.Open(nil, payload, nil); err != nil {
			t.Fatal(err)
		}
	}
	if sealer.foreign.Load() != nil || opener.own.Load() != nil {
		t.Error("something was made that nobody asked for")
	}
}

// Who has no data key can neither fill the table of subkeys nor empty it.
func TestForgeriesAreNotKept(t *testing.T) {
	key := bytes.Repeat([]byte{1}, KeySize)
	c := newPrefixed(t, HKDFAES256GCM, key)
	forged := make([]byte, prefixedOverhead+5)
	if _, err := c.Open(nil, forged, nil); err != ErrOpen {
		t.Fatal(err)
	}
	if c.foreign.Load() != nil {
		t.Fatal("a forgery made the table")
	}
	payload, err := newPrefixed(t, HKDFAES256GCM, key).Seal(nil, []byte("value"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(nil, payload, nil); err != nil {
		t.Fatal(err)
	}
	kept := c.find(prefix(payload))
	if kept == nil {
		t.Fatal("an authentic payload's subkey was not kept")
	}
	for b := range 256 { // every slot
		forged[0] = byte(b)
		if _, err := c.Open(nil, forged, nil); err != ErrOpen {
			t.Fatal(err)
		}
	}
	if c.find(prefix(payload)) != kept {
		t.Error("a forgery drove out a subkey")
	}
}

// More prefixes than the table has slots cost time, never correctness.
func TestManyPrefixes(t *testing.T) {
	key := bytes.Repeat([]byte{1}, KeySize)
	c := newPrefixed(t, XAES256GCM, key)
	var payloads [][]byte
	for range 3 * foreignSlots {
		payload, err := newPrefixed(t, XAES256GCM, key).Seal(nil, []byte("value"), nil)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, payload)
	}
	for range 2 {
		for _, payload := range payloads {
			if out, err := c.Open(nil, payload, nil); err != nil || string(out) != "value" {
				t.Fatalf("%q, %v", out, err)
			}
		}
	}
}
