package hsm

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"time"
)

// Default and limits of the option timeout= in the URI of a KEK that is reached
// over a network. It limits one try, from dialling to the last byte.
const (
	DefaultTimeout = 2 * time.Second
	MinTimeout     = 10 * time.Millisecond
	MaxTimeout     = time.Minute
)

// URIOptions calls set for each option of a KEK's URI, in order of name. query
// is the part after the question mark. An option that is empty or given twice
// is an error.
func URIOptions(query string, set func(name, value string) error) error {
	options, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the options after ? are not name=value pairs")
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		values := options[name]
		if len(values) != 1 || values[0] == "" {
			return fmt.Errorf("option %q is empty or given twice", name)
		}
		if err := set(name, values[0]); err != nil {
			return err
		}
	}
	return nil
}

// ParseTimeout parses the value of timeout=, from [MinTimeout] to [MaxTimeout].
func ParseTimeout(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < MinTimeout || d > MaxTimeout {
		return 0, fmt.Errorf("option timeout is not between %v and %v", MinTimeout, MaxTimeout)
	}
	return d, nil
}

// IsLoopback reports whether host, a name or an address without port, is a
// loopback address or localhost. A provider may use plain HTTP only there,
// since data keys and tokens cross the connection.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
