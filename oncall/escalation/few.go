package escalation

import (
	"iter"
	"slices"
)

// few is a list that shares nothing with its copies as long as it is changed by
// its methods, and needs no allocation for up to three elements.
type few[T comparable] struct {
	n     int
	first [3]T
	rest  []T // never changed in place: copies share it
}

func (f *few[T]) at(i int) T {
	return *f.ref(i)
}

// ref returns an element, to be read unless own was called before.
func (f *few[T]) ref(i int) *T {
	if i < len(f.first) {
		return &f.first[i]
	}
	return &f.rest[i-len(f.first)]
}

func (f *few[T]) set(i int, v T) {
	if i < len(f.first) {
		f.first[i] = v
		return
	}
	f.own()
	f.rest[i-len(f.first)] = v
}

// own makes ref return elements that may be changed, until the list is copied.
func (f *few[T]) own() { f.rest = slices.Clone(f.rest) }

func (f *few[T]) add(v T) {
	if f.n < len(f.first) {
		f.first[f.n] = v
	} else {
		f.rest = append(slices.Clip(f.rest), v)
	}
	f.n++
}

func (f *few[T]) remove(i int) {
	f.own()
	for ; i < f.n-1; i++ {
		*f.ref(i) = f.at(i + 1)
	}
	f.n--
	if f.n < len(f.first) {
		var zero T
		f.first[f.n] = zero
	}
	f.rest = f.rest[:max(0, f.n-len(f.first))]
	if len(f.rest) == 0 {
		f.rest = nil
	}
}

func (f *few[T]) clear() { *f = few[T]{} }

func (f *few[T]) has(v T) bool {
	for i := range f.n {
		if f.at(i) == v {
			return true
		}
	}
	return false
}

func (f few[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range f.n {
			if !yield(f.at(i)) {
				return
			}
		}
	}
}
