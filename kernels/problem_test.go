package kernels_test

import (
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

func TestConventionText(t *testing.T) {
	for c, name := range map[kernels.Convention]string{
		kernels.Explicit: "explicit", kernels.Implicit: "implicit", kernels.Confidence: "confidence", kernels.IALS: "ials",
	} {
		require.Equal(t, name, c.String())
		text, err := c.MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		back := kernels.Convention(99)
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, c, back)
		require.Equal(t, c != kernels.Explicit, c.AllPairs(), name)
	}
}

func TestMethodText(t *testing.T) {
	for m, name := range map[kernels.Method]string{
		kernels.Cholesky: "cholesky", kernels.CG: "cg", kernels.Subspace: "subspace", kernels.NonNegative: "nonnegative",
	} {
		require.Equal(t, name, m.String())
		text, err := m.MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		back := kernels.Method(99)
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, m, back)
	}
}

func TestUnknownNames(t *testing.T) {
	c := kernels.Implicit
	require.EqualError(t, c.UnmarshalText([]byte("als")),
		`kernels: there is no convention "als"; there are ["explicit" "implicit" "confidence" "ials"]`)
	require.Equal(t, kernels.Implicit, c, "a name that is wrong changes nothing")
	m := kernels.CG
	require.EqualError(t, m.UnmarshalText(nil),
		`kernels: there is no solver ""; there are ["cholesky" "cg" "subspace" "nonnegative"]`)
	require.Equal(t, kernels.CG, m)

	require.Equal(t, "Convention(4)", kernels.Convention(4).String())
	require.Equal(t, "Method(200)", kernels.Method(200).String())
	_, err := kernels.Convention(4).MarshalText()
	require.EqualError(t, err, "kernels: there is no convention 4")
	_, err = kernels.Method(4).MarshalText()
	require.EqualError(t, err, "kernels: there is no solver 4")
}

func TestProblemString(t *testing.T) {
	p := &kernels.Problem{X: kernels.Matrix{Rows: 6040, Cols: 10, Stride: 10}}
	require.Equal(t, "6040×10, explicit cholesky", p.String())
	p.R = &fakeCSR{host: kernels.HostCSR{Cols: 3706, Offsets: []int64{5, 1000214}}}
	p.Objective = kernels.Objective{Convention: kernels.IALS, Bias: true}
	p.Solver.Method = kernels.Subspace
	require.Equal(t, "6040×10 from 3706 columns, 1000209 entries, ials subspace with bias", p.String())
}
