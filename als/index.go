package als

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"unsafe"
)

// Key is a type that users and items may be named by.
type Key interface {
	~string | ~int32 | ~int64 | ~uint64
}

// Index numbers keys: the first one added is row 0, the next row 1. A model
// speaks of rows, its surroundings of keys. Looking up is safe for concurrent
// use; adding is not.
type Index[K Key] struct {
	rows map[K]int32
	keys []K

	// last is the key that was added last: files are mostly sorted by user, so
	// the next key is often the same.
	last    K
	lastRow int32
}

// NewIndex returns an index of the keys, which must differ.
func NewIndex[K Key](keys ...K) (*Index[K], error) {
	x := &Index[K]{rows: make(map[K]int32, len(keys))}
	for i, k := range keys {
		row, err := x.Add(k)
		if err != nil {
			return nil, err
		}
		if row != i {
			return nil, fmt.Errorf("als: NewIndex: keys %d and %d are both %v", row, i, k)
		}
	}
	return x, nil
}

// Add returns the row of the key and gives it the next one if it is new. It fails
// when there are 2³¹-1 rows already.
func (x *Index[K]) Add(k K) (row int, err error) {
	if len(x.keys) > 0 && k == x.last {
		return int(x.lastRow), nil
	}
	r, known := x.rows[k]
	if !known {
		if len(x.keys) == math.MaxInt32 {
			return 0, fmt.Errorf("als: index: no row left for key %v", k)
		}
		if x.rows == nil {
			x.rows = make(map[K]int32)
		}
		r = int32(len(x.keys))
		x.rows[k] = r
		x.keys = append(x.keys, k)
	}
	x.last, x.lastRow = k, r
	return int(r), nil
}

// Clone returns a copy, to which keys may be added while others look up in x.
func (x *Index[K]) Clone() *Index[K] {
	return &Index[K]{rows: maps.Clone(x.rows), keys: slices.Clone(x.keys), last: x.last, lastRow: x.lastRow}
}

// Row returns the row of a key, and whether there is one.
func (x *Index[K]) Row(k K) (row int, ok bool) {
	r, ok := x.rows[k]
	return int(r), ok
}

// Key returns the key of a row. It panics if there is no such row, as a slice
// does.
func (x *Index[K]) Key(row int) K { return x.keys[row] }

// Len is the number of rows.
func (x *Index[K]) Len() int { return len(x.keys) }

// All goes through the rows in order.
func (x *Index[K]) All() iter.Seq2[int, K] {
	return func(yield func(int, K) bool) {
		for row, k := range x.keys {
			if !yield(row, k) {
				return
			}
		}
	}
}

// Name writes the key of a row as text, or the row where there is none.
func (x *Index[K]) Name(row int) string {
	if x == nil || row < 0 || row >= len(x.keys) {
		return strconv.Itoa(row)
	}
	if kindOf[K]() == reflect.String {
		return strconv.Quote(fmt.Sprint(x.keys[row]))
	}
	return fmt.Sprint(x.keys[row])
}

// IDs is an Index whose key type is not known at compile time: what ratings and
// models carry. IndexOf gives the Index back.
type IDs interface {
	// Len is the number of rows.
	Len() int

	// Name writes the key of a row as text, for messages.
	Name(row int) string

	raw() rawKeys
}

// IndexOf returns the ids as an Index of keys of type K. It fails if they were
// made from keys of another kind: an index of strings is no index of integers.
func IndexOf[K Key](ids IDs) (*Index[K], error) {
	if ids == nil {
		return nil, fmt.Errorf("als: IndexOf: there are no ids: %w", ErrUnknown)
	}
	if x, ok := ids.(*Index[K]); ok {
		return x, nil
	}
	raw := ids.raw()
	if want := kindOf[K](); raw.kind != want {
		return nil, fmt.Errorf("als: IndexOf: the ids are of kind %v, not %v", raw.kind, want)
	}
	return indexFrom[K](raw)
}

// rawKeys is the keys of an Index of any named type as the plain type below it.
// One of the slices is set.
type rawKeys struct {
	kind    reflect.Kind
	strings []string
	int32s  []int32
	int64s  []int64
	uint64s []uint64
}

func (x *Index[K]) raw() rawKeys {
	r := rawKeys{kind: kindOf[K]()}
	switch r.kind {
	case reflect.String:
		r.strings = reinterpret[string](x.keys)
	case reflect.Int32:
		r.int32s = reinterpret[int32](x.keys)
	case reflect.Int64:
		r.int64s = reinterpret[int64](x.keys)
	default:
		r.uint64s = reinterpret[uint64](x.keys)
	}
	return r
}

// first is the keys of the first n rows.
func (r rawKeys) first(n int) rawKeys {
	r.strings = r.strings[:min(n, len(r.strings))]
	r.int32s = r.int32s[:min(n, len(r.int32s))]
	r.int64s = r.int64s[:min(n, len(r.int64s))]
	r.uint64s = r.uint64s[:min(n, len(r.uint64s))]
	return r
}

// indexFrom makes an index from keys of the kind of K.
func indexFrom[K Key](r rawKeys) (*Index[K], error) {
	switch r.kind {
	case reflect.String:
		return NewIndex(reinterpret[K](r.strings)...)
	case reflect.Int32:
		return NewIndex(reinterpret[K](r.int32s)...)
	case reflect.Int64:
		return NewIndex(reinterpret[K](r.int64s)...)
	default:
		return NewIndex(reinterpret[K](r.uint64s)...)
	}
}

func kindOf[K Key]() reflect.Kind { return reflect.TypeFor[K]().Kind() }

// reinterpret views keys as another type of the same underlying kind.
func reinterpret[To, From any](s []From) []To {
	return unsafe.Slice((*To)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}
