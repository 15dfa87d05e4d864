package als_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

type movieID int64

type userName string

func TestIndexNumbersKeysInOrder(t *testing.T) {
	var x als.Index[string]
	for i, k := range []string{"b", "a", "b", "c", "c", "a"} {
		row, err := x.Add(k)
		require.NoError(t, err)
		require.Equal(t, []int{0, 1, 0, 2, 2, 1}[i], row, "add %d, %q", i, k)
	}
	require.Equal(t, 3, x.Len())
	require.Equal(t, "c", x.Key(2))
	row, ok := x.Row("a")
	require.True(t, ok)
	require.Equal(t, 1, row)
	_, ok = x.Row("d")
	require.False(t, ok)
	var keys []string
	for row, k := range x.All() {
		require.Equal(t, len(keys), row)
		keys = append(keys, k)
	}
	require.Equal(t, []string{"b", "a", "c"}, keys)
}

// TestIndexOfZeroKey: the zero key is what an empty index remembers as the last one.
func TestIndexOfZeroKey(t *testing.T) {
	for _, keys := range [][]int64{{0, 5}, {5, 0}} {
		var x als.Index[int64]
		for want, key := range keys {
			row, err := x.Add(key)
			require.NoError(t, err)
			require.Equal(t, want, row)
			require.Equal(t, want+1, x.Len())
		}
	}
}

func TestNewIndexRejectsEqualKeys(t *testing.T) {
	_, err := als.NewIndex[int32](4, 5, 4)
	require.ErrorContains(t, err, "keys 0 and 2 are both 4")
}

func TestIndexOf(t *testing.T) {
	movies, err := als.NewIndex[movieID](10, 20)
	require.NoError(t, err)

	same, err := als.IndexOf[movieID](movies)
	require.NoError(t, err)
	require.Same(t, movies, same)

	plain, err := als.IndexOf[int64](movies)
	require.NoError(t, err)
	require.Equal(t, int64(20), plain.Key(1))

	_, err = als.IndexOf[string](movies)
	require.ErrorContains(t, err, "int64, not string")

	names, err := als.NewIndex[userName]("ann", "bob")
	require.NoError(t, err)
	texts, err := als.IndexOf[string](names)
	require.NoError(t, err)
	row, ok := texts.Row("bob")
	require.True(t, ok)
	require.Equal(t, 1, row)

	_, err = als.IndexOf[string](nil)
	require.ErrorIs(t, err, als.ErrUnknown)
}

func TestIndexName(t *testing.T) {
	names, err := als.NewIndex("ann")
	require.NoError(t, err)
	require.Equal(t, `"ann"`, names.Name(0))
	require.Equal(t, "7", names.Name(7), "a row without a key")
	numbers, err := als.NewIndex[uint64](1 << 63)
	require.NoError(t, err)
	require.Equal(t, "9223372036854775808", numbers.Name(0))
}

func TestCloneOfAnIndex(t *testing.T) {
	x, err := als.NewIndex("ann", "bob")
	require.NoError(t, err)
	y := x.Clone()
	row, err := y.Add("cem")
	require.NoError(t, err)
	require.Equal(t, 2, row)
	_, ok := x.Row("cem")
	require.False(t, ok)
	row, err = x.Add("eve")
	require.NoError(t, err)
	require.Equal(t, 2, row)
	require.Equal(t, "cem", y.Key(2))
	row, ok = y.Row("bob")
	require.True(t, ok)
	require.Equal(t, 1, row)
}

// TestIndexOfNumbers adds keys of every kind that a table or a map holds, in random
// order and more than once, one by one and all at once.
func TestIndexOfNumbers(t *testing.T) {
	const seed = 1
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	t.Run("int64", func(t *testing.T) {
		checkIndex(t, random, func() int64 {
			switch random.IntN(4) {
			case 0:
				return random.Int64N(200) - 100
			case 1:
				return math.MinInt64 + random.Int64N(50)
			case 2:
				return random.Int64N(100_000)
			}
			return math.MaxInt64 - random.Int64N(50)
		})
	})
	t.Run("int32", func(t *testing.T) { checkIndex(t, random, func() int32 { return random.Int32N(40_000) - 20_000 }) })
	t.Run("uint64", func(t *testing.T) {
		checkIndex(t, random, func() uint64 { return random.Uint64N(40_000) - 20_000 })
	})
	t.Run("string", func(t *testing.T) {
		checkIndex(t, random, func() string { return strconv.Itoa(random.IntN(1000)) })
	})
	t.Run("growing", func(t *testing.T) { // every key a little above the table
		next := int64(900)
		checkIndex(t, random, func() int64 { next += 8; return next })
	})
}

func checkIndex[K als.Key](t *testing.T, random *rand.Rand, draw func() K) {
	var one, all als.Index[K]
	want := map[K]int{}
	var keys []K
	for range 20 {
		batch := make([]K, random.IntN(2000))
		rows := make([]int32, len(batch))
		for j := range batch {
			batch[j] = draw()
			if _, known := want[batch[j]]; !known {
				want[batch[j]] = len(keys)
				keys = append(keys, batch[j])
			}
			row, err := one.Add(batch[j])
			require.NoError(t, err)
			require.Equal(t, want[batch[j]], row)
		}
		require.NoError(t, all.AddAll(batch, rows))
		for j, k := range batch {
			require.EqualValues(t, want[k], rows[j])
		}
	}
	for _, x := range []*als.Index[K]{&one, &all, one.Clone()} {
		require.Equal(t, len(keys), x.Len())
		for row, k := range x.All() {
			require.Equal(t, keys[row], k)
			got, ok := x.Row(k)
			require.True(t, ok)
			require.Equal(t, row, got)
		}
		for range 1000 {
			k := draw()
			row, known := want[k]
			got, ok := x.Row(k)
			require.Equal(t, known, ok)
			require.Equal(t, row, got)
		}
	}
}
