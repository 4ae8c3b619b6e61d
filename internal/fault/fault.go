// Package fault holds the failpoints of the crash tests. A Point names a place where state has just
// been persisted, or a call is about to leave or has just come back: exactly where a power cut may
// hurt. In a release binary a Point is an empty function that the compiler removes; under the build
// tag faults the process named in the environment ends itself there with SIGKILL, as a power cut
// would, with nothing flushed and nothing deferred.
//
// The list of points is read from the source by the crash test; a point that no run hits fails it.
// The constants of control_*.go remove one protection each, to show that the crash test would see it.
package fault
