package config

import "strings"

// maxKey bounds the work on a key that nobody typed.
const maxKey = 64

// near returns the known key that an unknown one was probably meant to be, "" when none is close: a
// key that ends in the same name, or one that differs by two letters, or by a third of a long name.
func near(unknown string, known []string) (best string) {
	name := unknown[strings.LastIndexByte(unknown, '.')+1:]
	for _, k := range known {
		if k[strings.LastIndexByte(k, '.')+1:] == name {
			return k
		}
	}
	if len(unknown) > maxKey {
		return ""
	}
	least := min(max(2, len(unknown)/3)+1, len(unknown))
	for _, k := range known {
		if d := edits(unknown, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// edits returns the Levenshtein distance of two short texts: the number of letters to add, to drop or
// to replace.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			corner, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, corner+cost)
		}
	}
	return row[len(b)]
}
