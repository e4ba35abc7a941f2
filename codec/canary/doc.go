// Package canary compares our formats with the readers that applications use.
// It has only tests.
//
// For each format a generator makes bodies with a canary in a tagged place, and
// many that are nearly well-formed. Our Writer seals a body or refuses it. What
// leaves is read by the readers of folder readers, which run as they are, and
// by Go's standard library. A reader that reads the canary where a rule tags it
// has read a value that we neither sealed nor refused: the test fails, and its
// body becomes a seed in testdata.
//
// A format is added by one file with a generator and a list of readers, and a
// line of prove.sh, which records the runs of "make canary" in docs/proofs.
package canary
