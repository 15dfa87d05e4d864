package serve

import (
	"errors"
	"net/http"

	"github.com/halfstep-ml/halfstep/als"
)

// scored is an item with a score in an answer.
type scored struct {
	Item  int64   `json:"item"`
	Score float32 `json:"score"`
}

func (g *generation) scored(list []als.Scored) []scored {
	answer := make([]scored, len(list))
	for j, s := range list {
		answer[j] = scored{Item: g.items.Key(s.Item), Score: s.Score}
	}
	return answer
}

// recommendationsAnswer is the items with the highest scores, highest first.
type recommendationsAnswer struct {
	User  int64    `json:"user"`
	Model int64    `json:"model"`
	Items []scored `json:"items"`
}

// recommendations are the items with the highest scores for a user.
func (s *Server) recommendations(r *http.Request) (int, any, error) {
	id, err := pathID(r, "id")
	if err != nil {
		return 0, nil, err
	}
	q, err := query(r, "n", "exclude_seen")
	if err != nil {
		return 0, nil, err
	}
	n, err := s.countOf(q)
	if err != nil {
		return 0, nil, err
	}
	exclude, err := boolOf(q, "exclude_seen", true)
	if err != nil {
		return 0, nil, err
	}
	var opts []als.RecommendOption
	if !exclude {
		opts = append(opts, als.IncludeSeen())
	}
	answer := recommendationsAnswer{User: id}
	err = s.ask(r.Context(), func(g *generation) error {
		user, err := g.user(id)
		if err != nil {
			return err
		}
		top, err := g.recommender.Recommend(r.Context(), user, n, opts...)
		if err != nil {
			return err
		}
		answer.Model, answer.Items = g.number, g.scored(top)
		return nil
	})
	return http.StatusOK, answer, err
}

// similarAnswer is the items with the highest cosine to an item, highest first.
type similarAnswer struct {
	Item  int64    `json:"item"`
	Model int64    `json:"model"`
	Items []scored `json:"items"`
}

// similar are the items whose factors point where those of an item do.
func (s *Server) similar(r *http.Request) (int, any, error) {
	id, err := pathID(r, "id")
	if err != nil {
		return 0, nil, err
	}
	q, err := query(r, "n")
	if err != nil {
		return 0, nil, err
	}
	n, err := s.countOf(q)
	if err != nil {
		return 0, nil, err
	}
	answer := similarAnswer{Item: id}
	err = s.ask(r.Context(), func(g *generation) error {
		item, err := g.item(id)
		if err != nil {
			return err
		}
		top, err := g.recommender.SimilarItems(r.Context(), item, n)
		if err != nil {
			return err
		}
		answer.Model, answer.Items = g.number, g.scored(top)
		return nil
	})
	return http.StatusOK, answer, err
}

// explanationAnswer takes a score apart:
//
//	score = mean + item_bias + prior + the values of the parts + rest
//
// as als.Explanation does. Parts are the n largest by absolute value, and rest is
// the sum of the others.
type explanationAnswer struct {
	User     int64   `json:"user"`
	Item     int64   `json:"item"`
	Model    int64   `json:"model"`
	Score    float64 `json:"score"`
	Mean     float64 `json:"mean"`
	ItemBias float64 `json:"item_bias"`
	Prior    float64 `json:"prior"`
	Parts    []part  `json:"parts"`
	Rest     float64 `json:"rest"`
}

// part is what a rating of the user adds to the score.
type part struct {
	Item   int64   `json:"item"`
	Rating float32 `json:"rating"`
	Value  float64 `json:"value"`
}

// explanation is what each rating of a user adds to the score for an item.
func (s *Server) explanation(r *http.Request) (int, any, error) {
	userID, err := pathID(r, "id")
	if err != nil {
		return 0, nil, err
	}
	itemID, err := pathID(r, "item")
	if err != nil {
		return 0, nil, err
	}
	q, err := query(r, "n")
	if err != nil {
		return 0, nil, err
	}
	n, err := s.countOf(q)
	if err != nil {
		return 0, nil, err
	}
	answer := explanationAnswer{User: userID, Item: itemID}
	err = s.ask(r.Context(), func(g *generation) error {
		user, err := g.user(userID)
		if err != nil {
			return err
		}
		item, err := g.item(itemID)
		if err != nil {
			return err
		}
		e, err := g.recommender.Explain(r.Context(), user, item)
		if errors.Is(err, als.ErrUnknown) { // the ratings have changed since the model was saved
			return unknownUser("user %d has no ratings any more", userID)
		}
		if err != nil {
			return err
		}
		answer.Model = g.number
		answer.set(e, n, g)
		return nil
	})
	return http.StatusOK, answer, err
}

func (a *explanationAnswer) set(e *als.Explanation, n int, g *generation) {
	a.Score, a.Mean, a.ItemBias, a.Prior = e.Score, e.Mean, e.ItemBias, e.Prior
	n = min(n, len(e.Parts))
	a.Parts = make([]part, n)
	for j, p := range e.Parts[:n] {
		a.Parts[j] = part{Item: g.items.Key(p.Item), Rating: p.Rating, Value: p.Value}
	}
	a.Rest = 0
	for _, p := range e.Parts[n:] {
		a.Rest += p.Value
	}
}
