package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/halfstep-ml/halfstep/als"
)

// configFlags are the flags of an als.Config whose meaning depends on one another.
type configFlags struct {
	regularization string
	nonNegative    bool
}

func (a *configFlags) add(f *pflag.FlagSet, c *als.Config) {
	f.TextVar(&c.Convention, "convention", c.Convention, "explicit, implicit, confidence or ials")
	f.StringVar(&a.regularization, "regularization", "count", "count for λ·n of a row, plain for λ; --nu gives the power")
	f.IntVar(&c.Rank, "rank", c.Rank, "factors of a user or item")
	f.IntVar(&c.Iterations, "iterations", c.Iterations, "iterations of both half-steps")
	f.Float64Var(&c.Lambda, "lambda", c.Lambda, "λ, the regularization")
	f.Float64Var(&c.ItemLambda, "item-lambda", 0, "λ of the items (default: --lambda)")
	f.Float64Var(&c.Alpha, "alpha", c.Alpha, "α of the convention implicit")
	f.Float64Var(&c.Nu, "nu", c.Nu, "power of the count in the regularization, λ·nᵛ")
	f.Float64Var(&c.W0, "w0", c.W0, "w₀ of the convention ials, the weight of all pairs")
	f.TextVar(&c.Solver, "solver", c.Solver, "cholesky, cg, subspace, nonnegative, or auto for one by rank")
	f.IntVar(&c.Steps, "steps", 0, "steps of cg (default 3), sweeps of subspace (default 1)")
	f.IntVar(&c.Block, "block", 0, "unknowns that subspace solves at a time (default 32)")
	f.BoolVar(&a.nonNegative, "nonnegative", false, "only factors that are not negative; --solver nonnegative")
	f.BoolVar(&c.Biases, "biases", false, "add the mean and a bias for each user and item")
	f.Float64Var(&c.BiasLambda, "bias-lambda", 0, "λ of the biases (default: --lambda)")
}

// apply completes the configuration from the flags.
func (a *configFlags) apply(f *pflag.FlagSet, c *als.Config) error {
	if err := c.Regularization.UnmarshalText([]byte(a.regularization)); err != nil {
		return fmt.Errorf("--regularization: %w", err)
	}
	switch {
	case !f.Changed("nu"):
		if c.Regularization == als.Power {
			return errors.New("--regularization power wants --nu")
		}
	case f.Changed("regularization") && c.Regularization != als.Power:
		return fmt.Errorf("--nu and --regularization %s exclude each other", a.regularization)
	default:
		c.Regularization = als.Power
	}
	if a.nonNegative {
		if f.Changed("solver") && c.Solver != als.NonNegative {
			return fmt.Errorf("--nonnegative and --solver %v exclude each other", c.Solver)
		}
		c.Solver = als.NonNegative
	}
	return nil
}

// runWith completes the settings of a job from its flags and runs it.
func runWith(cmd *cobra.Command, a *configFlags, c *als.Config, d *dataFlags, run func(context.Context) error) error {
	if err := a.apply(cmd.Flags(), c); err != nil {
		return err
	}
	if err := d.check(cmd.Flags()); err != nil {
		return err
	}
	return run(cmd.Context())
}
