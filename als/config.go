package als

import (
	"fmt"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Convention says how ratings become a least-squares problem; see
// kernels.Convention for the formulas.
type Convention = kernels.Convention

const (
	Explicit   = kernels.Explicit   // the rating is fitted
	Implicit   = kernels.Implicit   // preference with confidence 1+α·|r|, 1 where there is no rating
	Confidence = kernels.Confidence // preference with confidence |r|, 1 where there is no rating
	IALS       = kernels.IALS       // the rating is fitted, and every pair drawn to 0 with weight w₀
)

// Regularization says how λ grows with the number of ratings of a row: the row
// has λ·(n + w₀·N)^ν‖x‖², where w₀·N counts in the convention IALS alone.
type Regularization uint8

const (
	Count Regularization = iota // ν = 1: λ·n, "weighted λ"
	Plain                       // ν = 0: λ
	Power                       // ν = Config.Nu
)

var regularizationNames = [...]string{"count", "plain", "power"}

func (r Regularization) String() string {
	if int(r) >= len(regularizationNames) {
		return fmt.Sprintf("Regularization(%d)", r)
	}
	return regularizationNames[r]
}

// MarshalText gives the name that UnmarshalText takes.
func (r Regularization) MarshalText() ([]byte, error) {
	if int(r) >= len(regularizationNames) {
		return nil, fmt.Errorf("als: there is no regularization %d", r)
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads count, plain or power.
func (r *Regularization) UnmarshalText(text []byte) error {
	for i, name := range regularizationNames {
		if string(text) == name {
			*r = Regularization(i)
			return nil
		}
	}
	return fmt.Errorf("als: there is no regularization %q; there are %q", text, regularizationNames)
}

// Config is what a model is trained with. It is saved with the model. Begin with
// DefaultConfig and change what should differ.
//
// These settings minimize what others do:
//
//	system                   Convention   Regularization   further
//	Spark ALS                Explicit     Count
//	Spark ALS implicitPrefs  Implicit     Count            Alpha; n counts positive ratings
//	implicit 0.7             Confidence   Plain            Alpha: scale the ratings before
//	iALS (Rendle 2021)       IALS         Power            W0, Nu; every rating 1
//	cmfrec                   Explicit     Plain or Count   Biases
//
// What is reached in a few iterations also depends on the start and on the side
// that is solved first. implicit solves users first, as Train does; from one start
// (WithStart) the factors are the same. Spark starts from random directions and
// solves items first: exchange users and items and start from such a model to get
// its errors. Package bench/peers holds all this to the real systems.
type Config struct {
	// Convention says how ratings become a least-squares problem.
	Convention Convention `json:"convention"`

	Rank       int `json:"rank"`       // factors of a user or item, at least 1
	Iterations int `json:"iterations"` // of both half-steps, at least 1

	Lambda         float64        `json:"lambda"`                // λ, at least 0
	ItemLambda     float64        `json:"item_lambda,omitempty"` // λ of the items; 0 takes Lambda
	Regularization Regularization `json:"regularization"`
	Nu             float64        `json:"nu,omitempty"` // ν of the regularization Power, at least 0

	Alpha float64 `json:"alpha,omitempty"` // α of Implicit, above 0
	W0    float64 `json:"w0,omitempty"`    // w₀ of IALS, at least 0

	// Biases adds the mean rating and a bias for every user and item, learned
	// within the half-steps. BiasLambda regularizes them as Lambda does the
	// factors; 0 takes Lambda.
	Biases     bool    `json:"biases,omitempty"`
	BiasLambda float64 `json:"bias_lambda,omitempty"`

	// Solver is how the systems of a half-step are solved. Training replaces Auto
	// by what it stands for, so that a Model's configuration says what was used.
	Solver Solver `json:"solver"`
	Steps  int    `json:"steps,omitempty"` // CG: steps, 0 for 3; Subspace: sweeps, 0 for 1
	Block  int    `json:"block,omitempty"` // Subspace: unknowns solved at a time, 0 for 32

	Seed uint64 `json:"seed"` // of the item factors that training starts from
}

// DefaultConfig is explicit ALS of rank 10 in 10 iterations with λ·n at λ = 0.1.
// Alpha and W0 have values too, so that changing the Convention is enough.
func DefaultConfig() Config {
	return Config{
		Rank:       10,
		Iterations: 10,
		Lambda:     0.1,
		Nu:         1,
		Alpha:      1,
		W0:         0.1,
		Seed:       1,
	}
}

// Validate returns an ErrConfig that names the first field that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Convention > IALS:
		return configf("Convention", "is %v", c.Convention)
	case c.Rank < 1 || c.Rank > maxRank:
		return configf("Rank", "is %d, want 1 to %d", c.Rank, maxRank)
	case c.Iterations < 1:
		return configf("Iterations", "is %d, want at least 1", c.Iterations)
	case !notNegative(c.Lambda):
		return configf("Lambda", "is %v, want a number of at least 0", c.Lambda)
	case !notNegative(c.ItemLambda):
		return configf("ItemLambda", "is %v, want a number of at least 0", c.ItemLambda)
	case c.Regularization > Power:
		return configf("Regularization", "is %v", c.Regularization)
	case c.Regularization == Power && !notNegative(c.Nu):
		return configf("Nu", "is %v, want a number of at least 0", c.Nu)
	case c.Convention == Implicit && !(notNegative(c.Alpha) && c.Alpha > 0):
		return configf("Alpha", "is %v, want a number above 0", c.Alpha)
	case c.Convention == IALS && !notNegative(c.W0):
		return configf("W0", "is %v, want a number of at least 0", c.W0)
	case c.Biases && !notNegative(c.BiasLambda):
		return configf("BiasLambda", "is %v, want a number of at least 0", c.BiasLambda)
	case int(c.Solver) >= len(solverNames):
		return configf("Solver", "is %v", c.Solver)
	case c.Steps < 0:
		return configf("Steps", "is %d, want at least 0", c.Steps)
	case c.Block < 0:
		return configf("Block", "is %d, want at least 0", c.Block)
	}
	return nil
}

// maxRank keeps K² elements of a row's matrix addressable with room to spare; the
// arithmetic of larger ranks would take minutes a row.
const maxRank = 1 << 14

// notNegative also asks for a value that is finite as a float32, the type that
// devices compute in.
func notNegative(v float64) bool { return v >= 0 && v <= math.MaxFloat32 }

// exponent is ν.
func (c Config) exponent() float64 {
	switch c.Regularization {
	case Plain:
		return 0
	case Power:
		return c.Nu
	default:
		return 1
	}
}

// lambda is the λ of the factors of a side.
func (c Config) lambda(side Side) float64 {
	if side == Items && c.ItemLambda != 0 {
		return c.ItemLambda
	}
	return c.Lambda
}

// biasLambda is the λ of the biases of a side.
func (c Config) biasLambda(side Side) float64 {
	if c.BiasLambda == 0 {
		return c.lambda(side)
	}
	return c.BiasLambda
}

// width is the number of unknowns of a row.
func (c Config) width() int {
	if c.Biases {
		return c.Rank + 1
	}
	return c.Rank
}

// objective is what the half-step of a side minimizes.
func (c Config) objective(side Side) kernels.Objective {
	return kernels.Objective{
		Convention: c.Convention,
		Alpha:      float32(c.Alpha),
		W0:         float32(c.W0),
		Lambda:     float32(c.lambda(side)),
		Exponent:   float32(c.exponent()),
		Bias:       c.Biases,
		BiasLambda: float32(c.biasLambda(side)),
	}
}

// target is what the convention fits for a rating.
func (c Config) target(rating float32) float32 {
	switch c.Convention {
	case Implicit, Confidence:
		if rating > 0 {
			return 1
		}
		return 0
	default:
		return rating
	}
}
