package form

import "github.com/sealmesh/sealmesh/codec"

// skipPairs reads pairs from p[i] on fast, while they are of the kind that most
// forms consist of: a name of letters and the like that no rule has, and a
// value in which nothing is refused. It returns the index of the first pair
// that it leaves to the full scanner, at the latest the one that the end of the
// piece may cut.
func (d *document) skipPairs(p []byte, i int) int {
	for {
		at := i
		for at < len(p) && nameClass[p[at]] == namePlain {
			at++
		}
		n := at - i
		if at == len(p) || p[at] != '=' || n == 0 || n > d.quickName || d.named[p[i]]>>n&1 != 0 {
			return i
		}
		value := at + 1
		at = plainRun(p, value)
		for at < len(p) && p[at] == '%' {
			k := wholeEscape(p[at:])
			if k == 0 {
				return i
			}
			at = plainRun(p, at+k)
		}
		if at == len(p) || p[at] != '&' {
			return i
		}
		if at-value >= codec.HeadLen && d.guard.Envelope != nil && hidesEnvelope(p[value:at], d.guard.Envelope) {
			return i
		}
		i = at + 1
	}
}
