//go:build control_key

package fault

// IdempotencyKeys is switched off in this build, to show that the crash test finds a doubled item.
const IdempotencyKeys = false
