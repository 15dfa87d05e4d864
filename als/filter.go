package als

import "slices"

// RecommendOption rules rows out of an answer: items, or users where users are
// asked for. Of several options each rules out what it rules out.
type RecommendOption func(*query)

// query is what the arguments and options of a call add up to.
type query struct {
	n           int      // how many answers, no more than rows
	allow       []uint32 // bitmap over the rows that are chosen from
	rows        int
	side        Side
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
		for i := range q.rows {
			if q.allow[i/32]&(1<<(i%32)) != 0 && !keep(i) {
				clearBit(q.allow, i)
			}
		}
	}
}

// IncludeSeen keeps what the user has seen in the answer.
func IncludeSeen() RecommendOption {
	return func(q *query) { q.includeSeen = true }
}

// newQuery asks for n of the rows of c that the bitmap has and the options leave.
func newQuery(c *choices, bitmap []uint32, n int, opts []RecommendOption) (query, error) {
	if n < 1 {
		return query{}, configf("n", "is %d, want at least 1", n)
	}
	q := query{n: min(n, c.rows.rows), allow: slices.Clone(bitmap), rows: c.rows.rows, side: c.side}
	for _, opt := range opts {
		opt(&q)
	}
	return q, q.err
}

func (q *query) bitmap(rows []int) []uint32 {
	listed := make([]uint32, len(q.allow))
	for _, i := range rows {
		if i < 0 || i >= q.rows {
			if q.err == nil {
				q.err = unknownRow(q.side, i, q.rows)
			}
			continue
		}
		setBit(listed, i)
	}
	return listed
}
