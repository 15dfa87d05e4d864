package dataset

import (
	"sync/atomic"

	"github.com/halfstep-ml/halfstep/als"
)

// rowTable is an index that some goroutines look up in while one adds to it: the rows of
// ids that are close to 0. The others are found when they are added.
type rowTable struct {
	index *als.Index[int64]
	rows  []int32 // row+1 by id, or 0; read and written atomically
}

// tabledIDs is the number of ids in a rowTable at most. What is not touched takes no memory.
const tabledIDs = 1 << 22

// init begins with the rows of an index, of ids below the length.
func (t *rowTable) init(index *als.Index[int64], length int64) {
	t.index, t.rows = index, make([]int32, length)
	for row, id := range index.All() {
		if uint64(id) < uint64(length) {
			t.rows[id] = int32(row) + 1
		}
	}
}

// chunkRows are the rows of the ids of a chunk. Its memory is used again for the next one.
type chunkRows struct {
	rows []int32

	// The ids that had no row yet, one for each run of the same, and where the runs are.
	// Files are mostly sorted by user, so that runs are long.
	ids     []int64
	runs    []idRun
	idsRows []int32
}

// idRun is a run of one id.
type idRun struct{ lo, hi int }

// find sets the rows of ids that have one, and notes the others.
func (c *chunkRows) find(t *rowTable, ids []int64) {
	if cap(c.rows) < len(ids) {
		c.rows = make([]int32, len(ids))
	}
	c.rows, c.ids, c.runs = c.rows[:len(ids)], c.ids[:0], c.runs[:0]
	rows, table := c.rows, t.rows
	for j := 0; j < len(ids); {
		id := ids[j]
		if uint64(id) < uint64(len(table)) {
			if row := atomic.LoadInt32(&table[id]); row > 0 {
				rows[j] = row - 1
				j++
				continue
			}
		}
		lo := j
		for j++; j < len(ids) && ids[j] == id; j++ {
		}
		c.ids, c.runs = append(c.ids, id), append(c.runs, idRun{lo, j})
	}
}

// add gives rows to the ids that find noted, in their order, and sets them.
func (c *chunkRows) add(t *rowTable) error {
	if len(c.ids) == 0 {
		return nil
	}
	if cap(c.idsRows) < len(c.ids) {
		c.idsRows = make([]int32, len(c.ids))
	}
	idsRows := c.idsRows[:len(c.ids)]
	if err := t.index.AddAll(c.ids, idsRows); err != nil {
		return err
	}
	for i, id := range c.ids {
		if uint64(id) < uint64(len(t.rows)) {
			atomic.StoreInt32(&t.rows[id], idsRows[i]+1)
		}
		run := c.rows[c.runs[i].lo:c.runs[i].hi]
		for j := range run {
			run[j] = idsRows[i]
		}
	}
	return nil
}
