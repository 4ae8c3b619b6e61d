//go:build !race

package review

const race = false
