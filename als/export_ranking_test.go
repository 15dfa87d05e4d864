package als

// WithBlockRows sets how many lists are measured at a time.
func WithBlockRows(n int) RankingOption {
	return func(o *rankingOptions) { o.rows = n }
}

// SampleCandidates is the items among which WithSampledNegatives ranks one.
func SampleCandidates(m *Model, train, test *Ratings, user int, item int32, n int, seed uint64) []int32 {
	h := heldOut{model: m, train: train, test: test, known: knownItems(m), negatives: n, seed: seed}
	return h.sample(user, item, h.ratedPlaces(user))
}
