//go:build !control_state

package fault

// StateBeforeCall says that a report's state is persisted before every outside call. The build tag
// control_state removes it: a crash then opens a second report, and the crash test must say so.
const StateBeforeCall = true
