package als_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

// BenchmarkRatings builds ratings in the size of MovieLens 25M, or a tenth of it in
// short mode, that come in three orders: by user and item, by user, and shuffled. It
// counts the ratings that are built a second, by user and by item together.
func BenchmarkRatings(b *testing.B) {
	users, items, each := 162_000, 62_000, 155
	if testing.Short() {
		users /= 10
	}
	random := rand.New(rand.NewPCG(1, 0))
	list := make([]triple, 0, users*each)
	for u := range users {
		for j := range each {
			// One item in each of so many ranges, most of them low: no pair twice.
			at := (float64(j) + random.Float64()) / float64(each)
			list = append(list, triple{int32(u), int32(at * at * float64(items)), float32(random.IntN(10))})
		}
	}
	ofUser := func(a, b triple) int { return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.item, b.item)) }
	for u := range users {
		slices.SortFunc(list[u*each:(u+1)*each], ofUser)
	}
	list = slices.CompactFunc(list, func(a, b triple) bool { return ofUser(a, b) == 0 })
	shuffle := func(list []triple) {
		random.Shuffle(len(list), func(x, y int) { list[x], list[y] = list[y], list[x] })
	}
	for _, order := range []struct {
		name   string
		arrive func()
	}{
		{"sorted", func() {}},
		{"grouped", func() {
			for lo := 0; lo < len(list); {
				hi := lo
				for hi < len(list) && list[hi].user == list[lo].user {
					hi++
				}
				shuffle(list[lo:hi])
				lo = hi
			}
		}},
		{"shuffled", func() { shuffle(list) }},
	} {
		order.arrive()
		b.Run(order.name, func(b *testing.B) {
			b.ReportAllocs()
			u, i, v := make([]int32, len(list)), make([]int32, len(list)), make([]float32, len(list))
			for b.Loop() {
				b.StopTimer()
				for j, r := range list {
					u[j], i[j], v[j] = r.user, r.item, r.value
				}
				b.StartTimer()
				_, err := als.NewRatings(users, items, u, i, v, als.RejectDuplicates)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(len(list))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mratings/s")
		})
	}
}
