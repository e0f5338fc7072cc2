package rollout

import (
	"cmp"
	"slices"
	"strconv"
)

// apportion divides total in proportion to the shares (none negative) by the method of the
// largest remainder, so that the parts sum to total exactly. Among equal remainders the first
// goes first. Without any share nobody gets anything.
func apportion(total int32, shares []int64) []int32 {
	parts := make([]int32, len(shares))
	var sum int64
	for _, s := range shares {
		sum += s
	}
	if sum == 0 || total <= 0 {
		return parts
	}
	rest := total
	order := make([]int, len(shares))
	remainders := make([]int64, len(shares))
	for i, s := range shares {
		parts[i] = int32(int64(total) * s / sum)
		remainders[i] = int64(total) * s % sum
		rest -= parts[i]
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainders[b], remainders[a]) })
	for _, i := range order[:rest] {
		parts[i]++
	}
	return parts
}

// percent writes a weight for people: 9995 is 99.95%.
func percent(weight int32) string {
	return strconv.FormatFloat(float64(weight)/100, 'f', -1, 64) + "%"
}
