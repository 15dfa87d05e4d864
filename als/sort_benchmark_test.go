package als

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkSorting times each step of building ratings alone, in the size of MovieLens 25M,
// or a tenth of it in short mode, in memory touched before:
//
//	csr        the matrix by user, of ratings that come sorted and shuffled: checked and,
//	           if shuffled, sorted by user, not by item
//	rows       each user's ratings sorted by item
//	transpose  the matrix by item
func BenchmarkSorting(b *testing.B) {
	users, items, each := 162_000, 62_000, 155
	if testing.Short() {
		users /= 10
	}
	random := rand.New(rand.NewPCG(1, 0))
	n := users * each
	ratings := block{make([]int32, n), make([]int32, n), make([]float32, n)}
	for j := range n {
		// One item in each of so many ranges, most of them low: no pair twice.
		at := (float64(j%each) + random.Float64()) / float64(each)
		ratings.users[j], ratings.items[j], ratings.values[j] = int32(j/each), int32(at*at*float64(items)), float32(random.IntN(10))
	}
	ctx := b.Context()
	size := shape{users: users, items: items}
	collected := func() *triplets {
		t := &triplets{n: int64(n), blocks: []block{ratings}}
		t.cut()
		return t
	}
	rate := func(b *testing.B) {
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mratings/s")
	}
	swap := func(x, y int) {
		i, v := ratings.items, ratings.values
		i[x], i[y], v[x], v[y] = i[y], i[x], v[y], v[x]
	}

	b.Run("csr/sorted", func(b *testing.B) {
		for b.Loop() {
			t := collected()
			_, err := t.inspect(ctx, size)
			require.NoError(b, err)
			_, err = t.rows(ctx, size, &ratings)
			require.NoError(b, err)
		}
		rate(b)
	})
	byUser, err := collected().rows(ctx, size, &ratings)
	require.NoError(b, err)
	sorts := newSorter(ctx)
	byItem := emptyCSR(items, users)
	allocate(&byItem, int64(n))
	require.NoError(b, sorts.transpose(&byItem, byUser))
	b.Run("transpose", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, sorts.transpose(&byItem, byUser))
		}
		rate(b)
	})
	b.Run("rows", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			for lo := 0; lo < n; lo += each {
				random.Shuffle(each, func(x, y int) { swap(lo+x, lo+y) })
			}
			b.StartTimer()
			_, err := sortRows(ctx, byUser)
			require.NoError(b, err)
		}
		rate(b)
	})
	random.Shuffle(n, func(x, y int) {
		u := ratings.users
		u[x], u[y] = u[y], u[x]
		swap(x, y)
	})
	allocate(&byUser, int64(n))
	require.NoError(b, sorts.sort(&byUser, collected().parts(), func() {}))
	b.Run("csr/shuffled", func(b *testing.B) {
		for b.Loop() {
			t := collected()
			_, err := t.inspect(ctx, size)
			require.NoError(b, err)
			require.NoError(b, sorts.sort(&byUser, t.parts(), func() {}))
		}
		rate(b)
	})
}
