//go:build race

package pipeline_test

const race = true
