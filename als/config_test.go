package als_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

func TestDefaultConfigIsValidForEveryConvention(t *testing.T) {
	for c := als.Explicit; c <= als.IALS; c++ {
		cfg := als.DefaultConfig()
		cfg.Convention = c
		require.NoError(t, cfg.Validate(), c)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*als.Config)
		field  string
	}{
		"rank 0":              {func(c *als.Config) { c.Rank = 0 }, "Rank is 0"},
		"rank too large":      {func(c *als.Config) { c.Rank = 1 << 20 }, "Rank is 1048576"},
		"no iterations":       {func(c *als.Config) { c.Iterations = 0 }, "Iterations is 0"},
		"negative lambda":     {func(c *als.Config) { c.Lambda = -0.1 }, "Lambda is -0.1"},
		"lambda NaN":          {func(c *als.Config) { c.Lambda = math.NaN() }, "Lambda is NaN"},
		"lambda past float32": {func(c *als.Config) { c.Lambda = 1e200 }, "Lambda is 1e+200"},
		"convention":          {func(c *als.Config) { c.Convention = 9 }, "Convention is Convention(9)"},
		"item lambda":         {func(c *als.Config) { c.ItemLambda = math.Inf(1) }, "ItemLambda is +Inf"},
		"regularization":      {func(c *als.Config) { c.Regularization = 9 }, "Regularization is Regularization(9)"},
		"nu":                  {func(c *als.Config) { c.Regularization, c.Nu = als.Power, -1 }, "Nu is -1"},
		"alpha":               {func(c *als.Config) { c.Convention, c.Alpha = als.Implicit, 0 }, "Alpha is 0"},
		"w0":                  {func(c *als.Config) { c.Convention, c.W0 = als.IALS, math.Inf(1) }, "W0 is +Inf"},
		"bias lambda":         {func(c *als.Config) { c.Biases, c.BiasLambda = true, -2 }, "BiasLambda is -2"},
		"solver":              {func(c *als.Config) { c.Solver = 9 }, "Solver is Solver(9)"},
		"steps":               {func(c *als.Config) { c.Steps = -1 }, "Steps is -1"},
		"block":               {func(c *als.Config) { c.Block = -1 }, "Block is -1"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := als.DefaultConfig()
			c.change(&cfg)
			err := cfg.Validate()
			require.ErrorIs(t, err, als.ErrConfig)
			require.ErrorContains(t, err, c.field)
		})
	}
}

func TestConfigAsJSON(t *testing.T) {
	cfg := als.DefaultConfig()
	cfg.Convention, cfg.Solver, cfg.Regularization, cfg.Nu = als.IALS, als.Subspace, als.Power, 0.5
	text, err := json.Marshal(cfg)
	require.NoError(t, err)
	require.Contains(t, string(text), `"convention":"ials"`)
	require.Contains(t, string(text), `"solver":"subspace"`)
	require.Contains(t, string(text), `"regularization":"power"`)
	var back als.Config
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, cfg, back)

	require.Error(t, json.Unmarshal([]byte(`{"convention":"emplicit"}`), &back))
	require.Error(t, json.Unmarshal([]byte(`{"regularization":"some"}`), &back))
}
