package als

import (
	"fmt"
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Model is the result of training: factors for every user and item, whose dot
// product is a score. With biases the score is
//
//	mean + user bias + item bias + x·y
//
// A Model is data. It belongs to no device, does not change, and is safe for
// concurrent use. Slices that its methods return are its own and must not be
// changed.
type Model struct {
	config Config
	mean   float32
	losses []float64
	users  factors
	items  factors

	iterations  int // done
	validation  []float64
	secondTries int64

	// best is, in a checkpoint, the model of the iteration with the lowest error
	// over the validation part, if that is another one.
	best *Model
}

// factors is one side of a model.
type factors struct {
	rows, rank int
	vectors    []float32 // rows×rank
	biases     []float32 // nil without biases
	counts     []int32   // ratings in training
	ids        IDs
}

// newFactors returns the factors of the rows of m, still to be filled.
func newFactors(m kernels.HostCSR, cfg Config, ids IDs) factors {
	f := factors{
		rows:    m.Rows,
		rank:    cfg.Rank,
		vectors: make([]float32, m.Rows*cfg.Rank),
		counts:  make([]int32, m.Rows),
		ids:     ids,
	}
	if cfg.Biases {
		f.biases = make([]float32, m.Rows)
	}
	for row := range m.Rows {
		f.counts[row] = int32(m.Offsets[row+1] - m.Offsets[row])
	}
	return f
}

// download fills the factors from a matrix of the device, whose columns past the
// rank hold the bias.
func (f *factors) download(s kernels.Stream, m kernels.Matrix, rank int) error {
	if f.biases == nil {
		return kernels.Download(s, f.vectors, m.Buf)
	}
	packed := make([]float32, m.Rows*m.Cols)
	if err := kernels.Download(s, packed, m.Buf); err != nil {
		return err
	}
	for row := range m.Rows {
		from := packed[row*m.Cols:][:m.Cols]
		copy(f.vector(row), from)
		f.biases[row] = from[rank]
	}
	return nil
}

// packed is the factors with the bias, if there are biases, as one more column.
func (f *factors) packed() []float32 {
	if f.biases == nil {
		return f.vectors
	}
	width := f.rank + 1
	packed := make([]float32, f.rows*width)
	for row := range f.rows {
		copy(packed[row*width:], f.vector(row))
		packed[row*width+f.rank] = f.biases[row]
	}
	return packed
}

func (f *factors) vector(row int) []float32 {
	return f.vectors[row*f.rank : (row+1)*f.rank : (row+1)*f.rank]
}

func (f *factors) bias(row int) float32 {
	if f.biases == nil {
		return 0
	}
	return f.biases[row]
}

// side is the factors of a side.
func (m *Model) side(s Side) *factors {
	if s == Items {
		return &m.items
	}
	return &m.users
}

// check returns ErrUnknown unless the row had ratings in training.
func (f *factors) check(side Side, row int) error {
	if row < 0 || row >= f.rows {
		return unknownRow(side, row, f.rows)
	}
	if f.counts[row] == 0 {
		return fmt.Errorf("%w %v %s: no ratings in training", ErrUnknown, side, nameIn(f.ids, row))
	}
	return nil
}

func unknownRow(side Side, row, rows int) error {
	return fmt.Errorf("%w %v %d of %d", ErrUnknown, side, row, rows)
}

// Config is what the model was trained with.
func (m *Model) Config() Config { return m.config }

// Rank is the number of factors of a user or item.
func (m *Model) Rank() int { return m.config.Rank }

// Users is the number of users.
func (m *Model) Users() int { return m.users.rows }

// Items is the number of items.
func (m *Model) Items() int { return m.items.rows }

// Mean is the constant of every score, 0 without biases.
func (m *Model) Mean() float32 { return m.mean }

// Losses is the objective after each iteration, if training computed it.
func (m *Model) Losses() []float64 { return slices.Clip(m.losses) }

// Iterations is how many iterations the model has behind it: Config().Iterations,
// or fewer if training stopped early or the model is a checkpoint.
func (m *Model) Iterations() int { return m.iterations }

// Validation is the RMSE over the validation part after each iteration up to this
// model's, if there was one.
func (m *Model) Validation() []float64 { return slices.Clip(m.validation) }

// SecondTries counts the rows that the device could not solve in float32 during
// training and that were solved on the host in float64.
func (m *Model) SecondTries() int64 { return m.secondTries }

// UserFactors returns the factors of a user, zeros if it had no ratings.
func (m *Model) UserFactors(user int) []float32 { return m.users.vector(user) }

// ItemFactors returns the factors of an item, zeros if it had no ratings.
func (m *Model) ItemFactors(item int) []float32 { return m.items.vector(item) }

// UserBias is the bias of a user, 0 without biases.
func (m *Model) UserBias(user int) float32 { return m.users.bias(user) }

// ItemBias is the bias of an item, 0 without biases.
func (m *Model) ItemBias(item int) float32 { return m.items.bias(item) }

// UserRatings is the number of ratings a user had in training.
func (m *Model) UserRatings(user int) int { return int(m.users.counts[user]) }

// ItemRatings is the number of ratings an item had in training.
func (m *Model) ItemRatings(item int) int { return int(m.items.counts[item]) }

// UserIDs are the keys of the users, nil if they have none. IndexOf gives the
// Index back.
func (m *Model) UserIDs() IDs { return m.users.ids }

// ItemIDs are the keys of the items, nil if they have none. IndexOf gives the
// Index back.
func (m *Model) ItemIDs() IDs { return m.items.ids }

// Score is the predicted rating or preference of a user for an item. Either of
// them without ratings in training is ErrUnknown. A Recommender scores many at
// once on a device.
func (m *Model) Score(user, item int) (float32, error) {
	if err := m.users.check(Users, user); err != nil {
		return 0, err
	}
	if err := m.items.check(Items, item); err != nil {
		return 0, err
	}
	score := dot(m.users.vector(user), m.items.vector(item))
	score += float64(m.mean) + float64(m.users.bias(user)) + float64(m.items.bias(item))
	return float32(score), nil
}
