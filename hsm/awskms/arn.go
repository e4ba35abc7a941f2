package awskms

import (
	"errors"
	"regexp"
	"strings"
)

// A keyARN is the parsed ARN of a KMS key or of an alias.
type keyARN struct {
	partition string // "aws", "aws-us-gov", "aws-cn", …
	region    string
	account   string
	resource  string // "key/…" or "alias/…"
}

var (
	partitionForm = regexp.MustCompile(`^aws[a-z-]*$`)
	regionForm    = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	accountForm   = regexp.MustCompile(`^[0-9]{12}$`)
	resourceForm  = regexp.MustCompile(`^(key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)$`)
)

func parseARN(s string) (keyARN, error) {
	part := strings.Split(s, ":")
	if len(part) != 6 || part[0] != "arn" || part[2] != "kms" {
		return keyARN{}, errors.New("want arn:aws:kms:region:account:key/… or …:alias/…")
	}
	a := keyARN{partition: part[1], region: part[3], account: part[4], resource: part[5]}
	switch {
	case !partitionForm.MatchString(a.partition):
		return keyARN{}, errors.New("the ARN's partition is not one of AWS's")
	case !regionForm.MatchString(a.region):
		return keyARN{}, errors.New("the ARN's Region is not a Region name")
	case !accountForm.MatchString(a.account):
		return keyARN{}, errors.New("the ARN's account is not twelve digits")
	case !resourceForm.MatchString(a.resource):
		return keyARN{}, errors.New("the ARN names neither a key nor an alias")
	}
	return a, nil
}

func (a keyARN) String() string {
	return strings.Join([]string{"arn", a.partition, "kms", a.region, a.account, a.resource}, ":")
}

func (a keyARN) isAlias() bool { return strings.HasPrefix(a.resource, "alias/") }

// isAWSManaged reports whether a is an alias that only AWS services may use.
func (a keyARN) isAWSManaged() bool { return strings.HasPrefix(a.resource, "alias/aws/") }

// isMultiRegion looks at the key id: AWS gives the prefix mrk- to multi-Region
// keys and to no others.
func (a keyARN) isMultiRegion() bool { return strings.HasPrefix(a.resource, "key/mrk-") }

// in returns the ARN of a's replica in region. Replicas of a multi-Region key
// differ in nothing else.
func (a keyARN) in(region string) keyARN {
	a.region = region
	return a
}

// identity is what wrapped-key records name: the key ARN, without the Region
// for a multi-Region key, so that any replica opens a record.
func (a keyARN) identity() string {
	if a.isMultiRegion() {
		return a.in("").String()
	}
	return a.String()
}

// same reports whether b, an ARN from KMS, is the key a or a replica of it.
func (a keyARN) same(b string) bool {
	other, err := parseARN(b)
	return err == nil && a.identity() == other.identity()
}
