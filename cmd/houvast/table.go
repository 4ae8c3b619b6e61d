package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A table prints rows under headings, each column as wide as its widest cell.
type table struct{ rows [][]string }

func newTable(head ...string) *table { return &table{[][]string{head}} }

func (t *table) row(cells ...any) {
	var row []string
	for _, c := range cells {
		row = append(row, oneLine(fmt.Sprint(c)))
	}
	t.rows = append(t.rows, row)
}

func (t *table) print(e *env) error {
	width := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		for i, c := range row {
			b.WriteString(c)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)+2))
			}
		}
		b.WriteByte('\n')
	}
	return e.printf("%s", b.String())
}

// printLines prints each value as one JSON object a line.
func printLines[T any](e *env, all []T) error {
	for _, v := range all {
		if err := e.printJSON(v); err != nil {
			return err
		}
	}
	return nil
}
