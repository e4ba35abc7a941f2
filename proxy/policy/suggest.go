package policy

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean returns a hint that names the candidate nearest to word, or all
// candidates when none is near and they are few.
func didYouMean(word string, candidates []string) string {
	candidates = slices.Sorted(slices.Values(candidates))
	best, bound := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if dist := distance(strings.ToLower(word), strings.ToLower(c)); dist < bound {
			best, bound = c, dist
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(candidates) == 0 || len(candidates) > 12:
		return ""
	}
	return "known: " + strings.Join(candidates, ", ")
}

// distance is the number of edits between a and b: insert, delete, replace a
// byte, or swap two neighbours (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
