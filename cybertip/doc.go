// Package cybertip is the wire format of the CyberTipline reporting service ("ispws"): ordered Go
// types, validation, and XML both ways. It sends nothing; cybertip/submit does.
//
// # Nouns
//
// A [Report] is the document that opens a report. A [FileDetails] is the document that describes one
// uploaded file. A [Draft] is both together as they stand before a call, and is what [Validate]
// looks at. A [Finding] is one thing that the check list has to say about a draft: a stable rule id,
// a level ([Block] or [Warn]), and the path of the element it is about. Translations are made from
// the rule id; the English text is short and for operators.
//
// # The types are the schema
//
// The wire is a sequence: a child in the wrong place is refused by the service with code 4100. Go
// field order is the wire order, the xml tag is the element name, and the rule tag holds what the
// schema or the documentation says about the value (rule:"req,max=255,fmt=url"). [Encode],
// [Decode], [Clean], [Elements] and the structural half of [Validate] are all derived from these
// tags, so there is one table and not five. The tree is that of the schema of 2025-11-10; elements
// that appeared later (informational, ageAssertionDiscrepancy) are not in it.
//
// Absence has one form. "" and nil are absent; a [Time] of 0 is absent; an [Answer] of 0 is
// [Unanswered] and is not written. No field means "false" by being absent: a report in a criminal
// file says yes, says no, or says nothing. A [Flag] is written as true or not at all, because the
// schema fixes its value.
//
// # Promises
//
//   - Equal values encode to equal bytes.
//   - Text is never changed silently. XML cannot hold some characters; [Encode] refuses such text,
//     [Clean] replaces it and says where.
//   - [Decode] accepts exactly the tree that [Encode] writes: no document type, no unknown, repeated
//     or misplaced element, bounded in bytes and depth. Decode(Encode(x)) equals x.
//   - A child is never the reported person: the same account in both places blocks.
//   - What a file says about having been viewed must have been answered; it is never assumed.
//
// # Words
//
// By the service's own documentation only the incident type and its time are asked for; all else is
// voluntary and at the provider's initiative. So nothing here is called required by the
// clearinghouse: a [Block] is a rule of this house or of the schema, a [Warn] is a recommendation.
// The first incident type is a string that is wire-only; everywhere else we say CSAM.
//
// The package does no I/O and needs no network, clock or file system: it works in a browser.
package cybertip
