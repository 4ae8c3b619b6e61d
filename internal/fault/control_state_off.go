//go:build control_state

package fault

// StateBeforeCall is switched off in this build, to show that the crash test finds a doubled report.
const StateBeforeCall = false
