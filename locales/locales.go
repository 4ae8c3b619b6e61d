// Package locales holds every sentence that a person reads, in Dutch, French, English and German: one
// TOML file a language and one more for each part of the console (nl.filing.toml), the same keys in all four. Package internal/words is its only reader; it
// checks the files at start and says what a key, a plural and a placeholder are.
//
// same.toml lists the values that two languages share on purpose, each with a reason. Any other equal
// pair fails a test, because it is nearly always a sentence that nobody translated.
package locales

import "embed"

// FS holds nl.toml, fr.toml, en.toml, de.toml, same.toml and the parts of each.
//
//go:embed *.toml
var FS embed.FS
