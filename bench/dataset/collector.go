package dataset

// collector holds ratings that come in parts.
//
// Floor: what chunkQueue takes, and the pages of the ratings, which the kernel clears: 300
// MB of 25 million ratings with ids of uint32 take 0.1 s on one core, 0.08 where they are
// asked for in pieces of 128 KB; 0.17 s is the rest. Large pages were 0.05 or 0.3 to 0.7 s,
// whether or not the host of a virtual machine had them.
type collector[I ID] struct {
	timed bool
	parts []columns[I] // as many as guesses of their number were too low
	used  int          // of the last part
	n     int          // ratings
	guess int          // of how many there will be
}

// start has several goroutines copy what they read to where it belongs.
func (a *collector[I]) start(r *chunkReader) (newTaker[I], error) {
	var err error
	if a.guess, err = r.guessLines(); err != nil {
		return nil, err
	}
	return func() chunkTaker[I] { return &copyTaker[I]{all: a} }, nil
}

// extend adds n ratings, yet to be written.
func (a *collector[I]) extend(n int) columns[I] {
	last := len(a.parts) - 1
	if last < 0 || len(a.parts[last].values)-a.used < n {
		if last >= 0 {
			a.parts[last] = a.parts[last].slice(0, a.used)
		}
		// Beyond the guess, a quarter of what there is.
		a.parts = append(a.parts, makeColumns[I](max(n, a.guess-a.n, a.n/4), a.timed))
		a.used = 0
		last++
	}
	a.used += n
	a.n += n
	return a.parts[last].slice(a.used-n, a.used)
}

// whole are all ratings in one piece. The collector is used up.
func (a *collector[I]) whole() columns[I] {
	if len(a.parts) == 0 {
		return columns[I]{}
	}
	last := len(a.parts) - 1
	a.parts[last] = a.parts[last].slice(0, a.used)
	if last == 0 {
		return a.parts[0]
	}
	all := makeColumns[I](a.n, a.timed)
	at := 0
	for i, p := range a.parts {
		all.slice(at, at+len(p.values)).copy(p)
		at += len(p.values)
		a.parts[i] = columns[I]{}
	}
	return all
}

// copyTaker copies chunks to a collector.
type copyTaker[I ID] struct {
	all *collector[I]
	to  columns[I]
}

func (t *copyTaker[I]) prepare(columns[I]) {}

func (t *copyTaker[I]) take(c columns[I], _ int64) error {
	t.to = t.all.extend(len(c.values))
	return nil
}

func (t *copyTaker[I]) finish(c columns[I]) error {
	t.to.populate()
	t.to.copy(c)
	return nil
}
