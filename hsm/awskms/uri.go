package awskms

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

const (
	maxRegions     = 8
	maxGrantTokens = 10 // the API's own limit
)

// settings are a parsed URI.
type settings struct {
	key         keyARN
	regions     []string // in order of preference, at least one
	endpoint    string   // "" is AWS's own; {region} is replaced by the Region
	fips        bool
	profile     string
	grantTokens []string
	timeout     time.Duration
	former      []keyARN // earlier keys of the alias
}

func parseURI(uri string) (settings, error) {
	s, err := parse(uri)
	if err != nil {
		return settings{}, &hsm.Error{
			Class: hsm.Misconfigured, Provider: Kind, Operation: "ParseURI", Err: err,
			Hint: "write awskms:///arn:aws:kms:region:account:key/id, then options as ?name=value&…",
		}
	}
	return s, nil
}

func parse(uri string) (settings, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return settings{}, errors.New("not a URI")
	}
	if u.Scheme != Kind || u.Opaque != "" || u.Host != "" || u.User != nil || u.Fragment != "" {
		return settings{}, errors.New("a key's URI begins with awskms:/// and its ARN")
	}
	s := settings{timeout: hsm.DefaultTimeout}
	if s.key, err = parseARN(strings.TrimPrefix(u.Path, "/")); err != nil {
		return settings{}, err
	}
	if s.key.isAWSManaged() {
		return settings{}, fmt.Errorf("%s is an AWS-managed key, which only AWS services may use; create a customer-managed key", s.key)
	}
	s.regions = []string{s.key.region}
	if err := hsm.URIOptions(u.RawQuery, s.set); err != nil {
		return settings{}, err
	}
	return s, s.check()
}

func (s *settings) set(name, value string) (err error) {
	switch name {
	case "regions":
		s.regions = strings.Split(value, ",")
	case "endpoint":
		s.endpoint = value
	case "fips":
		s.fips, err = strconv.ParseBool(value)
	case "profile":
		s.profile = value
	case "former":
		return s.parseFormer(value)
	case "grant_tokens":
		s.grantTokens = strings.Split(value, ",")
	case "timeout":
		s.timeout, err = hsm.ParseTimeout(value)
		return err
	default:
		return fmt.Errorf("unknown option %q: the options are endpoint, fips, former, grant_tokens, profile, regions and timeout", name)
	}
	if err != nil {
		return fmt.Errorf("option %s: %q is not understood", name, value)
	}
	return nil
}

func (s *settings) check() error {
	if err := errors.Join(s.checkRegions(), s.checkFormer()); err != nil {
		return err
	}
	switch {
	case len(s.grantTokens) > maxGrantTokens:
		return fmt.Errorf("option grant_tokens: at most %d", maxGrantTokens)
	case s.endpoint != "" && s.fips:
		return errFIPSEndpoint
	case s.endpoint != "":
		return s.checkEndpoint(s.endpoint)
	}
	return nil
}

var errFIPSEndpoint = errors.New("an endpoint and fips exclude each other: name the FIPS endpoint itself")

// checkEndpoint refuses one endpoint for several Regions, which would look like
// failover without being one. A test's server may serve all Regions.
func (s *settings) checkEndpoint(endpoint string) error {
	if err := checkEndpoint(endpoint); err != nil {
		return err
	}
	u, err := url.Parse(endpoint)
	if len(s.regions) > 1 && !strings.Contains(endpoint, "{region}") && (err != nil || !hsm.IsLoopback(u.Hostname())) {
		return errors.New("option endpoint: one for several Regions: write {region} where their names differ")
	}
	return nil
}

func (s *settings) checkRegions() error {
	if len(s.regions) > maxRegions {
		return fmt.Errorf("option regions: at most %d", maxRegions)
	}
	for i, r := range s.regions {
		if !regionForm.MatchString(r) || slices.Contains(s.regions[:i], r) {
			return fmt.Errorf("option regions: %q is not a Region name or is given twice", r)
		}
	}
	if !slices.Contains(s.regions, s.key.region) {
		return fmt.Errorf("option regions: %s, the ARN's own Region, is not among them", s.key.region)
	}
	return s.checkReplicas(s.key)
}

// checkReplicas refuses several Regions for a key that exists in only one. For
// an alias this is known only after it is resolved.
func (s *settings) checkReplicas(key keyARN) error {
	if len(s.regions) > 1 && !key.isAlias() && !key.isMultiRegion() {
		return fmt.Errorf("option regions: %s is not a multi-Region key (mrk-…), so it is in one Region only", key)
	}
	return nil
}

// checkEndpoint refuses plain HTTP to another machine: GenerateDataKey and
// Decrypt return data keys in clear.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(strings.ReplaceAll(endpoint, "{region}", "region"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("option endpoint: not the URL of an endpoint")
	}
	if u.Scheme == "https" || u.Scheme == "http" && hsm.IsLoopback(u.Hostname()) {
		return nil
	}
	return errors.New("option endpoint: use https: data keys cross this connection (http is for loopback only)")
}
