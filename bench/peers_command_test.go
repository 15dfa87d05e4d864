package main

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/bench/peers"
)

func TestPeersFlags(t *testing.T) {
	_, _, err := bench(t, "peers")
	require.ErrorContains(t, err, `"data" not set`)
	_, _, err = bench(t, "peers", "--data", t.TempDir(), "--seeds", "0")
	require.ErrorContains(t, err, "--seeds: 0")
}

func TestPeersFailAboveTheBar(t *testing.T) {
	ours, theirs := 0.864, 0.8685
	result := &peersResult{Checks: []peers.Check{
		{Peer: "implicit 0.7.3", Quantity: "factors", Difference: 2e-6, Bar: 1e-3},
		{Peer: "Spark 4.0.5", Quantity: "RMSE", Ours: &ours, Theirs: &theirs, Difference: 0.0045, Bar: 0.003},
	}}
	var out, errs bytes.Buffer
	j := &peersJob{common: &common{stdout: &out, stderr: &errs}}
	require.EqualError(t, j.publish(result), "1 difference of 2 above the bar")
	require.Regexp(t, `implicit 0\.7\.3 +factors +- +- +2e-06 +0\.001 +ok`, out.String())
	require.Regexp(t, `Spark 4\.0\.5 +RMSE +0\.864 +0\.8685 +0\.0045 +0\.003 +FAILED`, out.String())

	result.Checks[1].Bar = 0.005
	out.Reset()
	j.json = "-"
	require.NoError(t, j.publish(result))
	var read peersResult
	require.NoError(t, json.Unmarshal(out.Bytes(), &read), "stdout is JSON and nothing else")
	require.Equal(t, result.Checks, read.Checks)

	result.Checks[0].Difference = math.NaN()
	j.json = ""
	require.EqualError(t, j.publish(result), "1 difference of 2 above the bar")
}
