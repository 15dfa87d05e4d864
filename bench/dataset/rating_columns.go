package dataset

// columns are ratings as they stand in a file.
type columns[I ID] struct {
	users, items []I
	values       []float32
	times        []int64 // nil unless they are kept
}

// makeColumns makes columns of n ratings, with their times or without.
func makeColumns[I ID](n int, timed bool) columns[I] {
	c := columns[I]{users: make([]I, n), items: make([]I, n), values: make([]float32, n)}
	if timed {
		c.times = make([]int64, n)
	}
	return c
}

// reserve makes room for n ratings; what is there stays.
func (c *columns[I]) reserve(n int, timed bool) {
	if more := n - len(c.values); more > 0 {
		larger := makeColumns[I](max(n, len(c.values)/2*3), timed)
		larger.copy(*c)
		*c = larger
	}
}

// slice are the ratings from lo up to hi.
func (c *columns[I]) slice(lo, hi int) columns[I] {
	s := columns[I]{users: c.users[lo:hi:hi], items: c.items[lo:hi:hi], values: c.values[lo:hi:hi]}
	if c.times != nil {
		s.times = c.times[lo:hi:hi]
	}
	return s
}

// copy copies as many ratings from another place as there are in both.
func (c columns[I]) copy(from columns[I]) {
	copy(c.users, from.users)
	copy(c.items, from.items)
	copy(c.values, from.values)
	copy(c.times, from.times)
}

// set writes rating n, whose ids are within the type's numbers.
func (c *columns[I]) set(n int, r Rating) {
	c.users[n], c.items[n], c.values[n] = I(r.User), I(r.Item), r.Value
	if c.times != nil {
		c.times[n] = r.Time
	}
}

// populate readies memory that is to be written for the first time.
func (c columns[I]) populate() {
	populate(c.users)
	populate(c.items)
	populate(c.values)
	populate(c.times)
}
