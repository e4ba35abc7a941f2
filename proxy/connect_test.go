package proxy

import "testing"

// Only a request of Connect by GET has a message in its query, however its
// names are spelled.
func TestConnectMessage(t *testing.T) {
	for query, want := range map[string]bool{
		"connect=v1&encoding=proto&base64=1&message=AAAA": true,
		"message={}&encoding=json":                        true,
		"message=%7B%7D&encoding=json":                    true,
		"m%65ssage=&%65ncoding=%6Ason":                    true,
		"encoding=proto;message=x":                        true,
		"encoding=json%3B+charset%3Dutf-8&message={}":     true,
		"encoding=proto&encoding=x&message=":              true,
		"encoding=PROTO&message=%":                        true,
		"encoding=%&message=a":                            true,
		"message":                                         false,
		"encoding=proto":                                  false,
		"encoding=utf-8&message=hello":                    false,
		"encoding=proto&Message=AAAA":                     false,
		"a=1&b=message&c=encoding%3Djson":                 false,
		"":                                                false,
	} {
		if got := hasConnectMessage(query); got != want {
			t.Errorf("%s: %t", query, got)
		}
	}
}
