//go:build !linux

package drill

func try(targets) []Attempt { return nil }
