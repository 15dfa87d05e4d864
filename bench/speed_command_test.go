package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/bench/peers"
)

func TestSpeedNamesTheWrongFlag(t *testing.T) {
	for _, c := range []struct{ flag, value, want string }{
		{"--rounds", "0", "--rounds"},
		{"--threads", "0", "--threads"},
		{"--only", "train,lost", `"lost"`},
		{"--python", "no-such-python", "no-such-python"},
	} {
		_, _, err := bench(t, "peers", "speed", "--users", "30", "--items", "20", "--ratings", "100", "--only", "train",
			"--python", "/bin/sh", c.flag, c.value)
		require.ErrorContains(t, err, c.want)
	}
}

func TestSpeedTable(t *testing.T) {
	var out bytes.Buffer
	r := speedResult{Races: []peers.Race{{
		Work: "gemm", Peer: "OpenBLAS", Threads: 2, Ratio: 1.5, Note: "a note",
		Ours: peers.Seconds{Median: 0.002, Min: 0.001, Max: 0.003}, Theirs: peers.Seconds{Median: 0.003, Min: 0.0025, Max: 0.0035},
	}}}
	require.NoError(t, r.writeTable(&out))
	require.Regexp(t, `gemm +OpenBLAS +2 +2 +1-3 +3 +2\.5-3\.5 +1\.50 +a note`, out.String())
}
