// Package submit is the client side of the CyberTipline reporting service ("ispws"): seven calls
// over an injected HTTP client. It keeps no state, retries nothing and files nothing by itself; the
// room that owns the report persists its state before each call and decides what follows.
//
// # Nouns
//
// An [Environment] is practice, test or production, and is bound to the host: a client for one
// cannot be made with the address of another. A [Call] is one of the seven. An [Answer] is all that
// came back, kept as evidence: raw bytes, HTTP status, Request-ID, code. An [Outcome] is what the
// answer means for the caller.
//
// # Outcomes
//
//	OK       it happened, and the reply proves it: whole document, right root, right report
//	Refused  the service read the call and declined; the same call will not do better
//	Retry    it did not happen, or doing it again does no harm; wait, then call again
//	InDoubt  it may have happened; nothing in hand says whether
//
// InDoubt is the zero value: whatever nobody classified is in doubt, never done. What follows from
// doubt depends on the call:
//
//	submit    submit again; the report nobody finishes lapses at the service
//	upload    the file may be there twice: retract and open anew
//	fileinfo  whether a repetition replaces or appends is not documented: retract and open anew
//	finish    finish again, and nothing else; [Done] knows the reply that means "already".
//	          After one doubtful finish, a refusal other than 5001 proves nothing about the first
//	retract   retract again
//
// So a broken reply (a cut connection, a page of HTML, a server error without a readable document)
// is Retry where repeating is harmless and nothing succeeded visibly, and InDoubt for upload and
// fileinfo. A reply with status 2xx that cannot be read is InDoubt for every call that changes
// something: never success, never failure.
//
// # Promises
//
//   - A reply is read as if an enemy wrote it: at most [MaxReply] bytes, depth 64, no document type,
//     no repeated field, complete to the last tag, the right root, the report that was asked about.
//     The charset of the HTTP header is ignored; the service has been seen to state a wrong one.
//   - No redirect is followed, no cookie kept. Off loopback only https is spoken.
//   - Errors hold no credential, no text of the report and no text of the reply. Of a schema fault
//     the names of elements are told, not their values.
//   - A file is streamed; its MD5 is computed on the way and compared with what the service says it
//     received.
//   - When a method returns, it no longer reads from what it was given.
package submit
