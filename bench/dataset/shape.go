package dataset

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// The shape of MovieLens 1M. Tests compare it with the real one.
const (
	// leastActivity is the number of ratings below which MovieLens leaves a user
	// out.
	leastActivity = 20

	// activityShape is the shape k of the Weibull distribution that the ratings of
	// a user above leastActivity follow: their quantiles grow as (-ln(1-p))^(1/k).
	activityShape = 0.76

	// The weight of an item is that of the Zipf–Mandelbrot law, falling off
	// towards the last of n items (Martínez-Mekler et al. 2009):
	//
	//	w(rank) = (n+1-rank)^popularityFall / (rank + popularityFlat·n)^popularityDecay
	popularityDecay = 0.58
	popularityFall  = 1.7
	popularityFlat  = 0.002
)

// userActivity is the number of ratings of each user. Their sum is s.Ratings.
// The quantiles of the distribution are dealt to the users in random order.
func userActivity(s Synthetic, random *rand.Rand) []int32 {
	mean := s.Ratings / int64(s.Users)
	least := int64(leastActivity)
	if mean < 2*leastActivity {
		least = (mean + 1) / 2
	}
	room := int64(s.Items) - least // above least

	// n[j] = least + ⌊scale·quantile[j]⌋, with the scale that comes closest to
	// the sum from below.
	quantiles := make([]float64, s.Users)
	for j := range quantiles {
		p := (float64(j) + 0.5) / float64(s.Users)
		quantiles[j] = math.Pow(-math.Log1p(-p), 1/activityShape)
	}
	above := s.Ratings - least*int64(s.Users)
	count := func(scale float64, j int) int64 { return int64(min(scale*quantiles[j], float64(room))) }
	low, high := 0.0, float64(room)/quantiles[0]
	for range 100 {
		scale := (low + high) / 2
		var sum int64
		for j := range quantiles {
			sum += count(scale, j)
		}
		if sum <= above {
			low = scale
		} else {
			high = scale
		}
	}
	order := random.Perm(s.Users)
	activity := make([]int32, s.Users)
	for j, user := range order {
		n := count(low, j)
		above -= n
		activity[user] = int32(least + n)
	}
	// The fractions that were cut off go to the most active who have room.
	for above > 0 {
		for j := s.Users - 1; j >= 0 && above > 0; j-- {
			if user := order[j]; int(activity[user]) < s.Items {
				activity[user]++
				above--
			}
		}
	}
	return activity
}

// itemPopularity is the weight of each item, at least 1. Their sum is below 2³³.
func itemPopularity(n int, random *rand.Rand) []uint32 {
	weights := make([]float64, n)
	flat := float64(popularityFlat * float64(n))
	var sum float64
	for i := range weights {
		rank := float64(i + 1)
		weights[i] = math.Pow(float64(n)+1-rank, popularityFall) / math.Pow(rank+flat, popularityDecay)
		sum += weights[i]
	}
	popularity := make([]uint32, n)
	for i, item := range random.Perm(n) {
		popularity[item] = uint32(max(1, math.Round(weights[i]/sum*(1<<31))))
	}
	return popularity
}

// aliasTable draws items with the probabilities of their weights, each in the
// same time (Walker 1977, Vose 1991), in whole numbers throughout.
type aliasTable struct {
	weights []uint32
	slots   []aliasSlot
}

// aliasSlot i gives item i for the part of its draws that is below keep, out of
// 2³², and other for the rest.
type aliasSlot struct {
	keep  uint32
	other int32
}

func newAliasTable(weights []uint32) aliasTable {
	n := uint64(len(weights))
	var total uint64
	for _, w := range weights {
		total += uint64(w)
	}
	// A slot holds total; item i has n·weight of it to place.
	left := make([]uint64, n)
	var small, large []int32
	for i, w := range weights {
		left[i] = uint64(w) * n
		if left[i] < total {
			small = append(small, int32(i))
		} else {
			large = append(large, int32(i))
		}
	}
	slots := make([]aliasSlot, n)
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		keep, _ := bits.Div64(left[s]>>32, left[s]<<32, total) // left·2³² / total
		slots[s] = aliasSlot{keep: uint32(keep), other: l}
		left[l] -= total - left[s]
		if left[l] < total {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	// In whole numbers these are exactly full.
	for _, l := range large {
		slots[l] = aliasSlot{keep: math.MaxUint32, other: l}
	}
	return aliasTable{weights: weights, slots: slots}
}

// draw turns 64 random bits into an item. The upper half picks the slot.
func (t aliasTable) draw(random uint64) int32 {
	i := int32((random >> 32) * uint64(len(t.slots)) >> 32)
	if s := t.slots[i]; uint32(random) >= s.keep {
		return s.other
	}
	return i
}
