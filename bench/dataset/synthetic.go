package dataset

import (
	"context"
	"math"
)

// Synthetic is a Source of ratings made from a seed, in the shape of MovieLens:
// a few users rate much and a few items are rated much. Zero fields get the
// defaults, which make a data set like MovieLens 1M. The same fields give the same
// ratings on every machine.
//
// Every pair of a user and an item comes at most once, user by user, with ids
// from 1. Every user has a rating if Ratings is at least Users, every item if it
// is at least Items.
//
// A rating is a known truth plus noise, rounded to whole or half stars:
//
//	r = round(μ + b_user + b_item + p_user·q_item + ε)
//
// with normal biases, factors and ε. A model of rank Rank with biases can learn
// the truth; NoiseFloor is the error that is left when it has.
//
// Memory does not depend on Ratings: a user takes some 30 bytes, an item 8·Rank
// and some 40 more.
type Synthetic struct {
	Users   int    // default 6,040
	Items   int    // default 3,706
	Ratings int64  // exactly so many; default 1,000,000/6,040 per user, but at most half of all pairs
	Seed    uint64 // any number

	Rank      int     // length of the factors of the truth; default 8
	Noise     float64 // standard deviation of ε in stars, default 0.8; for next to none give a tiny number
	HalfStars bool    // 0.5, 1, … 5 and not 1, 2, … 5
}

// The size of MovieLens 1M, about.
const (
	defaultUsers   = 6040
	defaultItems   = 3706
	defaultRatings = 1_000_000
	defaultRank    = 8
	defaultNoise   = 0.8
)

// withDefaults fills in the zero fields.
func (s Synthetic) withDefaults() Synthetic {
	if s.Users == 0 {
		s.Users = defaultUsers
	}
	if s.Items == 0 {
		s.Items = defaultItems
	}
	if s.Ratings == 0 {
		s.Ratings = max(1, min(int64(s.Users)*defaultRatings/defaultUsers, int64(s.Users)*int64(s.Items)/2))
	}
	if s.Rank == 0 {
		s.Rank = defaultRank
	}
	if s.Noise == 0 {
		s.Noise = defaultNoise
	}
	return s
}

// Validate answers with an ErrConfig that names the field that makes no sense.
func (s Synthetic) Validate() error {
	switch {
	case s.Users < 0 || s.Users > math.MaxInt32:
		return configError("Users", "%d, want 1 to 2³¹-1, or 0 for the default", s.Users)
	case s.Items < 0 || s.Items > math.MaxInt32:
		return configError("Items", "%d, want 1 to 2³¹-1, or 0 for the default", s.Items)
	case s.Ratings < 0:
		return configError("Ratings", "%d, want at least 1, or 0 for the default", s.Ratings)
	case s.Rank < 0 || s.Rank > 1<<16:
		return configError("Rank", "%d, want 1 to 65,536, or 0 for the default", s.Rank)
	case !(s.Noise >= 0 && s.Noise <= math.MaxFloat32):
		return configError("Noise", "%v, want a number above 0, or 0 for the default", s.Noise)
	}
	d := s.withDefaults()
	if pairs := int64(d.Users) * int64(d.Items); d.Ratings > pairs {
		return configError("Ratings", "%d, more than the %d pairs of %d users and %d items", d.Ratings, pairs, d.Users, d.Items)
	}
	return nil
}

// Name is "synthetic".
func (s Synthetic) Name() string { return "synthetic" }

// Each makes the ratings and calls yield with every one. It fails with an
// ErrConfig, see Validate, and the errors of yield and of the context.
func (s Synthetic) Each(ctx context.Context, yield func(Rating) error) error {
	if err := s.Validate(); err != nil {
		return err
	}
	g, err := newGenerator(ctx, s.withDefaults())
	if err != nil {
		return err
	}
	var made int
	for user := range g.activity {
		g.choose(user)
		clock := g.begin()
		for _, item := range g.chosen {
			if made++; made%checkEvery == 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
			}
			r := Rating{User: int64(user) + 1, Item: int64(item) + 1, Time: clock}
			r.Value = float32(g.rate(g.truth(item)))
			clock += 1 + g.random.Int64N(2*secondsPerRating)
			if err := yield(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// NoiseFloor is the root mean square error of the best prediction there is, that
// of somebody who knows the truth but not the noise:
//
//	√ mean Var(r | truth)
//
// over some 65,536 of the pairs, all if there are fewer. Noise and rounding are in it, and so is what the
// ends of the scale cut off. The test error of a model stays above it.
func (s Synthetic) NoiseFloor(ctx context.Context) (float64, error) {
	if err := s.Validate(); err != nil {
		return 0, err
	}
	s = s.withDefaults()
	g, err := newGenerator(ctx, s)
	if err != nil {
		return 0, err
	}
	// Spread over many users, as one user's truth is of a piece.
	const sampleUsers, sampleRatings = 1 << 13, 1 << 16
	userStep := max(1, s.Users/sampleUsers)
	ratingStep := max(1, s.Ratings/int64(userStep)/sampleRatings)
	var sum float64
	var seen, n int64
	for user := 0; user < s.Users; user += userStep {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		g.choose(user)
		g.begin()
		for _, item := range g.chosen {
			if seen++; seen%ratingStep == 0 {
				_, variance := g.expected(g.truth(item))
				sum += variance
				n++
			}
		}
	}
	if n == 0 { // the users that were looked at have no rating
		_, variance := g.expected(truthMean)
		return math.Sqrt(variance), nil
	}
	return math.Sqrt(sum / float64(n)), nil
}

// The truth: mean and standard deviations, in stars. With defaultNoise they give
// ratings a mean and a standard deviation close to those of MovieLens 1M, 3.58
// and 1.12, and leave a model the error that it has there.
const (
	truthMean      = 3.68
	userBiasSpread = 0.45
	itemBiasSpread = 0.6
	productSpread  = 0.6
)

// rate adds noise to a truth and rounds it to the scale.
func (g *generator) rate(truth float64) float64 {
	return g.round(truth + float64(g.Noise*g.random.NormFloat64()))
}

// round goes to the nearest value of the scale.
func (g *generator) round(r float64) float64 {
	return min(max(math.Round(r/g.star)*g.star, g.star), mostStars)
}

const mostStars = 5

// expected is the mean and the variance of rate.
func (g *generator) expected(truth float64) (mean, variance float64) {
	var squares, below float64
	for value := g.star; value <= mostStars; value += g.star {
		// All up to the midpoint to the next value is rounded to this or less.
		upTo := 1.0
		if value < mostStars {
			upTo = 0.5 * math.Erfc((truth-value-g.star/2)/(g.Noise*math.Sqrt2))
		}
		mean += (upTo - below) * value
		squares += (upTo - below) * value * value
		below = upTo
	}
	return mean, max(0, squares-mean*mean)
}
