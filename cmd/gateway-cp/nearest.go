package main

// nearest gives the name that was most likely meant, or nothing when none is close.
func nearest(name string, names []string) string {
	best, bestDistance := "", 1+len(name)/3
	for _, n := range names {
		if d := editDistance(name, n); d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = n, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions and substitutions between two strings.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
