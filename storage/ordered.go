package storage

import (
	"iter"
	"slices"
)

// ordered is a sorted set: a list of sorted chunks, so that an insertion moves
// at most a chunk and a page is read from consecutive memory.
type ordered[T any] struct {
	compare func(a, b T) int
	chunks  [][]T // none empty, each at most maxChunk long
}

const maxChunk = 512

// find returns the chunk in which v belongs and where in it.
func (o *ordered[T]) find(v T) (chunk, at int, found bool) {
	chunk, found = slices.BinarySearchFunc(o.chunks, v, func(c []T, v T) int { return o.compare(c[0], v) })
	if found {
		return chunk, 0, true
	}
	if chunk == 0 {
		return 0, 0, false
	}
	chunk--
	at, found = slices.BinarySearchFunc(o.chunks[chunk], v, o.compare)
	return chunk, at, found
}

func (o *ordered[T]) insert(v T) {
	if len(o.chunks) == 0 {
		o.chunks = append(o.chunks, append(make([]T, 0, 8), v))
		return
	}
	i, at, found := o.find(v)
	if found {
		return
	}
	c := slices.Insert(o.chunks[i], at, v)
	if len(c) > maxChunk {
		// Most keys come in order, so a split leaves the left chunk nearly full
		// when the new element is the last, and halves it otherwise.
		half := len(c) / 2
		if at == len(c)-1 {
			half = at
		}
		o.chunks = slices.Insert(o.chunks, i+1, slices.Clone(c[half:]))
		clear(c[half:])
		c = c[:half]
	}
	o.chunks[i] = c
}

func (o *ordered[T]) delete(v T) {
	if len(o.chunks) == 0 {
		return
	}
	i, at, found := o.find(v)
	if !found {
		return
	}
	if c := slices.Delete(o.chunks[i], at, at+1); len(c) > 0 {
		o.chunks[i] = c
	} else {
		o.chunks = slices.Delete(o.chunks, i, i+1)
	}
}

// from yields the elements that are at or after v, in order.
func (o *ordered[T]) from(v T) iter.Seq[T] {
	return func(yield func(T) bool) {
		if len(o.chunks) == 0 {
			return
		}
		i, at, _ := o.find(v)
		for ; i < len(o.chunks); i, at = i+1, 0 {
			for _, e := range o.chunks[i][at:] {
				if !yield(e) {
					return
				}
			}
		}
	}
}
