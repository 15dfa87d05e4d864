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

	// table holds the keys that are whole numbers below its length, as their row+1;
	// the others are in rows.
	table []int32

	// last is the key that was added last: files are mostly sorted by user, so
	// the next key is often the same.
	last    K
	lastRow int32
}

// NewIndex returns an index of the keys, which must differ.
func NewIndex[K Key](keys ...K) (*Index[K], error) {
	x := &Index[K]{}
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
	r, known := x.find(k)
	if !known {
		if len(x.keys) == math.MaxInt32 {
			return 0, fmt.Errorf("als: index: no row left for key %v", k)
		}
		r = int32(len(x.keys))
		x.put(k, r)
		x.keys = append(x.keys, k)
	}
	x.last, x.lastRow = k, r
	return int(r), nil
}

// AddAll adds the keys in their order and writes the row of each to rows, which is as
// long. It is Add for many keys at once, some nanoseconds each where they are whole
// numbers close to 0. When it fails, some keys have been added.
func (x *Index[K]) AddAll(keys []K, rows []int32) error {
	rows = rows[:len(keys)]
	for j, k := range keys {
		if n := number(k); n < uint64(len(x.table)) && x.table[n] > 0 {
			rows[j] = x.table[n] - 1
			continue
		}
		row, err := x.Add(k)
		if err != nil {
			return err
		}
		rows[j] = int32(row)
	}
	return nil
}

// find returns the row of a key.
func (x *Index[K]) find(k K) (row int32, ok bool) {
	if n := number(k); n < uint64(len(x.table)) {
		return x.table[n] - 1, x.table[n] > 0
	}
	row, ok = x.rows[k]
	return row, ok
}

// put keeps the row of a key that is not there.
func (x *Index[K]) put(k K, row int32) {
	n := number(k)
	if n >= uint64(len(x.table)) && n < tableLen(len(x.keys)) {
		// By half at least, so that growing is rare.
		x.grow(max(tableLen(len(x.keys)), uint64(len(x.table))*3/2))
	}
	if n < uint64(len(x.table)) {
		x.table[n] = row + 1
		return
	}
	if x.rows == nil {
		x.rows = make(map[K]int32)
	}
	x.rows[k] = row
}

// tableLen is the length up to which a table may grow for so many keys: 32 bytes a
// key, as much as a map takes.
func tableLen(keys int) uint64 { return 8*uint64(keys) + 1024 }

// grow makes the table longer and moves the keys there that belong there now.
func (x *Index[K]) grow(length uint64) {
	x.table = append(x.table, make([]int32, length-uint64(len(x.table)))...)
	for k, row := range x.rows {
		if n := number(k); n < length {
			x.table[n] = row + 1
			delete(x.rows, k)
		}
	}
}

// number is the key as a whole number of at least 0, or math.MaxUint64 if it is none.
func number[K Key](k K) uint64 {
	switch unsafe.Sizeof(k) { // a string is longer; a negative number is a large one
	case 4:
		return uint64(int64(*(*int32)(unsafe.Pointer(&k))))
	case 8:
		if kindIsString[K]() {
			return math.MaxUint64 // where pointers have 32 bits
		}
		return *(*uint64)(unsafe.Pointer(&k))
	}
	return math.MaxUint64
}

// kindIsString tells a string of 8 bytes from a whole number; it is constant where
// strings are longer.
func kindIsString[K Key]() bool {
	return unsafe.Sizeof("") == 8 && kindOf[K]() == reflect.String
}

// Clone returns a copy, to which keys may be added while others look up in x.
func (x *Index[K]) Clone() *Index[K] {
	return &Index[K]{rows: maps.Clone(x.rows), keys: slices.Clone(x.keys), table: slices.Clone(x.table), last: x.last, lastRow: x.lastRow}
}

// Row returns the row of a key, and whether there is one.
func (x *Index[K]) Row(k K) (row int, ok bool) {
	r, ok := x.find(k)
	if !ok {
		return 0, false
	}
	return int(r), true
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
