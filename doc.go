// Package houvast is the vocabulary of Houvast: the nouns that at least two rooms need, their
// invariants, and the one error type. It uses the standard library only and does no I/O.
//
// The words are those of docs/glossary.md and nowhere have synonyms. An item is what a user put on
// a platform; a bank is a set of known hashes; a match opens a case; a person decides; a report is
// what we file and a tip is what comes in.
//
// Everything that thinks (hashing, matching, cybertip) takes and returns these types; everything
// that keeps state lives below internal. ARCHITECTURE.md says who may import whom, arch_test.go
// holds it.
package houvast
