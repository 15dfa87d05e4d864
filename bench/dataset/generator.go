package dataset

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// generator makes the users of a Synthetic, any of them, in any order: each has
// random numbers of its own.
//
// Products that are added up are converted to float64 one by one, which the
// language defines to forbid their fusing into multiply-adds: results would
// differ between machines (Go specification, "Floating-point operators").
// math.Exp and its like may differ in the last bit. What is made from them is
// rounded to whole numbers or to stars.
type generator struct {
	Synthetic
	star float64 // the step of the scale

	activity []int32 // ratings of each user
	first    []int64 // ratings of all users before each
	items    aliasTable
	itemBias []float64
	factors  []float64 // items×Rank

	// The present user's.
	pcg        rand.PCG
	random     *rand.Rand
	userBias   float64
	userFactor []float64
	chosen     []int32 // the items, in the order they are rated
	taken      []int32 // per item: the mark of the user who chose it last
	mark       int32   // of the present user
	keys       []itemKey
}

// Streams of random numbers.
const (
	streamUserOrder = iota
	streamItemOrder
	streamItems
	streamUsers
)

func newGenerator(ctx context.Context, s Synthetic) (*generator, error) {
	g := &generator{
		Synthetic:  s,
		star:       1,
		itemBias:   make([]float64, s.Items),
		factors:    make([]float64, s.Items*s.Rank),
		userFactor: make([]float64, s.Rank),
		taken:      make([]int32, s.Items),
	}
	if s.HalfStars {
		g.star = 0.5
	}
	g.random = rand.New(&g.pcg)

	g.seed(streamUserOrder, 0)
	g.activity = userActivity(s, g.random)
	g.first = make([]int64, s.Users)
	for u := 1; u < s.Users; u++ {
		g.first[u] = g.first[u-1] + int64(g.activity[u-1])
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	g.seed(streamItemOrder, 0)
	g.items = newAliasTable(itemPopularity(s.Items, g.random))
	g.seed(streamItems, 0)
	spread := factorSpread(s.Rank)
	for i := range g.itemBias {
		g.itemBias[i] = float64(itemBiasSpread * g.random.NormFloat64())
	}
	for i := range g.factors {
		g.factors[i] = spread * g.random.NormFloat64()
	}
	return g, ctx.Err()
}

// factorSpread is the standard deviation that the elements of p and q need for
// p·q to have productSpread: Var(p·q) = rank·spread⁴.
func factorSpread(rank int) float64 {
	return math.Sqrt(productSpread / math.Sqrt(float64(rank)))
}

// seed begins the random numbers of one stream of the source, or of one user in
// it.
func (g *generator) seed(stream, user int) {
	g.pcg.Seed(mix(g.Seed^mix(uint64(stream))), mix(uint64(user)))
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

const (
	epoch            = 946_684_800            // 2000-01-01 UTC
	period           = 3 * 365 * 24 * 60 * 60 // in which users arrive, in seconds
	secondsPerRating = 60                     // on average
)

// begin draws the user's part of the truth and the time of the first rating.
func (g *generator) begin() (clock int64) {
	g.userBias = float64(userBiasSpread * g.random.NormFloat64())
	spread := factorSpread(g.Rank)
	for i := range g.userFactor {
		g.userFactor[i] = spread * g.random.NormFloat64()
	}
	return epoch + g.random.Int64N(period)
}

// truth is the present user's rating of an item before noise and rounding.
func (g *generator) truth(item int32) float64 {
	t := truthMean + g.userBias + g.itemBias[item]
	q := g.factors[int(item)*g.Rank:][:g.Rank]
	for i, p := range g.userFactor {
		t += float64(p * q[i])
	}
	return t
}

// choose draws the user's items into g.chosen.
func (g *generator) choose(user int) {
	g.seed(streamUsers, user)
	g.chosen = g.chosen[:0]
	count := int(g.activity[user])
	g.mark++
	take := func(item int32) {
		g.taken[item] = g.mark
		g.chosen = append(g.chosen, item)
	}

	// Every item has a rating: item j is chosen by the user who gives the
	// rating number j·stride.
	if stride := g.Ratings / int64(g.Items); stride > 0 {
		from := (g.first[user] + stride - 1) / stride
		to := (g.first[user] + int64(count) + stride - 1) / stride
		for item := from; item < min(to, int64(g.Items)); item++ {
			take(int32(item))
		}
	}
	// Drawing until an item is new is drawing without replacement. Somebody who
	// rates nearly everything would wait long for the last ones.
	for tries := 4*count + 2*g.Items; len(g.chosen) < count && tries > 0; tries-- {
		if item := g.items.draw(g.random.Uint64()); g.taken[item] != g.mark {
			take(item)
		}
	}
	if len(g.chosen) < count {
		for _, k := range g.draw(count - len(g.chosen)) {
			take(k.item)
		}
	}
}

type itemKey struct {
	key  float64
	item int32
}

// draw draws n of the items that are not taken, without replacement, with the
// same law as repeated single draws: the n smallest of E/w, with E exponential and
// w the weight (Efraimidis and Spirakis 2006).
func (g *generator) draw(n int) []itemKey {
	g.keys = g.keys[:0]
	for item, w := range g.items.weights {
		if g.taken[item] != g.mark {
			g.keys = append(g.keys, itemKey{g.random.ExpFloat64() / float64(w), int32(item)})
		}
	}
	slices.SortFunc(g.keys, func(a, b itemKey) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.item, b.item))
	})
	return g.keys[:n]
}
