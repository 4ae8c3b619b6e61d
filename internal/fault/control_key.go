//go:build !control_key

package fault

// IdempotencyKeys says that a repeated upload with the same key is the same item. The build tag
// control_key removes it: an upload repeated after a crash is then a second item.
const IdempotencyKeys = true
