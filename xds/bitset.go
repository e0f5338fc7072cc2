package xds

import (
	"iter"
	"math/bits"
)

// bitset is a set of small numbers, a bit for each up to the largest. The zero value is empty.
type bitset struct {
	words []uint64
	n     int // how many are in it
	first int // words before this one are zero
}

func (b *bitset) has(i uint32) bool {
	w := int(i / 64)
	return w < len(b.words) && b.words[w]&(1<<(i%64)) != 0
}

func (b *bitset) add(i uint32) {
	w := int(i / 64)
	if w >= len(b.words) {
		b.words = append(b.words, make([]uint64, w+1-len(b.words))...)
	}
	if b.words[w]&(1<<(i%64)) == 0 {
		b.words[w] |= 1 << (i % 64)
		b.n++
		b.first = min(b.first, w)
	}
}

func (b *bitset) remove(i uint32) {
	if !b.has(i) {
		return
	}
	b.words[i/64] &^= 1 << (i % 64)
	b.n--
	for b.first < len(b.words) && b.words[b.first] == 0 {
		b.first++
	}
}

func (b *bitset) set(i uint32, in bool) {
	if in {
		b.add(i)
	} else {
		b.remove(i)
	}
}

// all gives the numbers in order. Those that are removed meanwhile do not come any more; those
// that are added may.
func (b *bitset) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		left := b.n
		for w := b.first; w < len(b.words) && left > 0; w++ {
			for word := b.words[w]; word != 0; word &= word - 1 {
				i := bits.TrailingZeros64(word)
				left--
				if b.words[w]&(1<<i) != 0 && !yield(uint32(w*64+i)) {
					return
				}
			}
		}
	}
}
