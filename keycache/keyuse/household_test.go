package keyuse

import "testing"

func TestHousehold(t *testing.T) {
	for caller, want := range map[string]string{
		"10.0.0.1:4711":             "10.0.0.1",
		"10.0.0.1":                  "10.0.0.1",
		"[2001:db8::1]:4711":        "2001:db8::/64",
		"2001:db8:0:0:9::1":         "2001:db8::/64",
		"[::ffff:10.0.0.1]:4711":    "10.0.0.1",
		"[fe80::1%eth0]:1":          "fe80::/64",
		"spiffe://example.org/shop": "spiffe://example.org/shop",
		"shop.example":              "shop.example",
		"":                          "",
	} {
		if got := Household(caller); got != want {
			t.Errorf("%q: %q, want %q", caller, got, want)
		}
	}
}
