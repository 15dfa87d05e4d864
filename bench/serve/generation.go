package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// generation is a model with what is needed to ask it.
type generation struct {
	number       int64 // counted from 1 since the start
	trained      time.Time
	model        *als.Model
	users, items *als.Index[int64]
	recommender  *als.Recommender
}

// newGeneration makes a model ready to be asked. The ratings say what users have
// seen.
func newGeneration(dev kernels.Device, model *als.Model, ratings *als.Ratings, trained time.Time) (*generation, error) {
	users, err := als.IndexOf[int64](model.UserIDs())
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	items, err := als.IndexOf[int64](model.ItemIDs())
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	seen, err := align(ratings, model, users, items)
	if err != nil {
		return nil, err
	}
	recommender, err := als.NewRecommender(dev, model, als.WithSeen(seen))
	if err != nil {
		return nil, err
	}
	return &generation{trained: trained, model: model, users: users, items: items, recommender: recommender}, nil
}

// align returns the ratings with the rows of the model. Ratings of users or items
// that the model does not know are left out. They are the same ratings if the
// model was trained on them.
func align(ratings *als.Ratings, model *als.Model, users, items *als.Index[int64]) (*als.Ratings, error) {
	if ratings.UserIDs() == model.UserIDs() && ratings.ItemIDs() == model.ItemIDs() {
		return ratings, nil
	}
	fromUsers, err := als.IndexOf[int64](ratings.UserIDs())
	if err != nil {
		return nil, fmt.Errorf("users of the ratings: %w", err)
	}
	fromItems, err := als.IndexOf[int64](ratings.ItemIDs())
	if err != nil {
		return nil, fmt.Errorf("items of the ratings: %w", err)
	}
	toUser, toItem := rowsIn(users, fromUsers), rowsIn(items, fromItems)
	n := ratings.Len()
	userRows, itemRows, values := make([]int32, 0, n), make([]int32, 0, n), make([]float32, 0, n)
	for r := range ratings.All() {
		user, item := toUser[r.User], toItem[r.Item]
		if user < 0 || item < 0 {
			continue
		}
		userRows, itemRows, values = append(userRows, user), append(itemRows, item), append(values, r.Value)
	}
	return als.NewRatings(model.Users(), model.Items(), userRows, itemRows, values, als.RejectDuplicates)
}

// rowsIn returns the row in one index of each row of the other, -1 where it is in
// the other alone.
func rowsIn(in, of *als.Index[int64]) []int32 {
	rows := make([]int32, of.Len())
	for row, key := range of.All() {
		if r, ok := in.Row(key); ok {
			rows[row] = int32(r)
		} else {
			rows[row] = -1
		}
	}
	return rows
}

// user returns the row of a user that can be asked about.
func (g *generation) user(id int64) (row int, err error) {
	row, ok := g.users.Row(id)
	if !ok {
		return 0, unknownUser("there is no user %d", id)
	}
	if g.model.UserRatings(row) == 0 {
		return 0, unknownUser("user %d has no ratings", id)
	}
	return row, nil
}

// item returns the row of an item that can be asked about.
func (g *generation) item(id int64) (row int, err error) {
	row, ok := g.items.Row(id)
	if !ok {
		return 0, unknownItem("there is no item %d", id)
	}
	if g.model.ItemRatings(row) == 0 {
		return 0, unknownItem("item %d has no ratings", id)
	}
	return row, nil
}

// publish makes g the model that is asked and closes the one before it after its
// last call.
func (s *Server) publish(g *generation) {
	g.number = 1
	old := s.current.Load()
	if old != nil {
		g.number = old.number + 1
	}
	s.current.Store(g)
	if old == nil {
		return
	}
	if err := old.recommender.Close(); err != nil {
		s.log.Error("the model before did not close", "error", err)
	}
}

// ask puts a question to the present model. If the model was exchanged before the
// question came through, it is put to the new one; so the question must be one
// that can be asked again.
func (s *Server) ask(ctx context.Context, question func(*generation) error) error {
	for {
		g := s.current.Load()
		if g == nil {
			return errNotReady
		}
		err := question(g)
		if !errors.Is(err, als.ErrClosed) {
			return err
		}
		if s.current.Load() == g { // the service has stopped
			return errNotReady
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
