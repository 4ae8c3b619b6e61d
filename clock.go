package houvast

import "time"

// A Clock has two hands. Now is law time: what deadlines and retention are counted in; it never
// goes backwards, not even over a restart. Mono only measures: leases, timeouts, rates.
type Clock interface {
	// Now returns law time in UTC, cut to microseconds.
	Now() time.Time
	// Mono returns the time since an arbitrary fixed point of this process.
	Mono() time.Duration
}

// Micros is how a time is stored: UTC microseconds since 1970. The zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros reads what Micros wrote.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
