package als

import "slices"

// RecommendOption rules items out of an answer. Of several options each rules out
// what it rules out.
type RecommendOption func(*query)

// query is what the options of a call add up to.
type query struct {
	allow       []uint32 // bitmap over the items
	items       int
	includeSeen bool
	err         error
}

// Allow leaves only the given items. An item that is not in the model is an
// ErrUnknown.
func Allow(items ...int) RecommendOption {
	return func(q *query) {
		listed := q.bitmap(items)
		for w := range q.allow {
			q.allow[w] &= listed[w]
		}
	}
}

// Deny leaves the given items out. An item that is not in the model is an
// ErrUnknown.
func Deny(items ...int) RecommendOption {
	return func(q *query) {
		listed := q.bitmap(items)
		for w := range q.allow {
			q.allow[w] &^= listed[w]
		}
	}
}

// Where leaves only the items for which keep is true. It is called once for each
// item that the options before it have left.
func Where(keep func(item int) bool) RecommendOption {
	return func(q *query) {
		for i := range q.items {
			if q.allow[i/32]&(1<<(i%32)) != 0 && !keep(i) {
				q.allow[i/32] &^= 1 << (i % 32)
			}
		}
	}
}

// IncludeSeen keeps what the user has seen in the answer.
func IncludeSeen() RecommendOption {
	return func(q *query) { q.includeSeen = true }
}

// newQuery applies the options to what is trained.
func newQuery(trained []uint32, items int, opts []RecommendOption) query {
	q := query{allow: slices.Clone(trained), items: items}
	for _, opt := range opts {
		opt(&q)
	}
	return q
}

func (q *query) bitmap(items []int) []uint32 {
	listed := make([]uint32, len(q.allow))
	for _, i := range items {
		if i < 0 || i >= q.items {
			if q.err == nil {
				q.err = unknownRow(Items, i, q.items)
			}
			continue
		}
		listed[i/32] |= 1 << (i % 32)
	}
	return listed
}
