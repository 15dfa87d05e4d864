package als

import "math/rand/v2"

// SetBlockRows bounds the users of a block of RecommendAll.
func (r *Recommender) SetBlockRows(n int) { r.blockRows = n }

// RandomModel is a model of the ratings whose factors are normal with variance
// 1/rank.
func RandomModel(cfg Config, ratings *Ratings, seed uint64) *Model {
	m := &Model{config: cfg, users: newFactors(ratings.byUser, cfg, nil), items: newFactors(ratings.byItem, cfg, nil)}
	random := rand.New(rand.NewPCG(seed, 1))
	for _, f := range []*factors{&m.users, &m.items} {
		for j := range f.vectors {
			f.vectors[j] = float32(random.NormFloat64()) / float32(cfg.Rank)
		}
	}
	return m
}
