package policy

import "github.com/sealmesh/sealmesh/codec/suite"

// fips reports whether the file admits FIPS-approved algorithms alone.
func (c *compiler) fips() bool { return c.conf.FIPS.Value == "required" }

// defaultSuite is that of a tag that names none. With fips: required it is the one
// that is left: who asks for approved algorithms should not have to name them.
func (c *compiler) defaultSuite() suite.ID {
	if c.fips() {
		return suite.HKDFAES256GCM
	}
	return suite.XAES256GCM
}

// unapproved reports a tag that names a suite which fips: required does not admit.
func (c *compiler) unapproved(t text, tag string, s *suite.Suite) {
	hint := "write hkdf-aes-256-gcm, or leave suite out"
	if s.Deterministic {
		hint = "write hkdf-aes-256-gcm, with which equal values no longer look equal, and move what is stored: `sealmesh rewrap --reseal " + tag + "`, before fips is required"
	}
	c.problem(t.place, hint, "fips: required does not admit suite %q of tag %q: it is not FIPS-approved", t.Shown, tag)
}
