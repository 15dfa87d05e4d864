package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRank(t *testing.T) {
	args := []string{"rank", "--users", "300", "--items", "200", "--ratings", "9000", "--iterations", "4", "--cutoffs", "5,10", "--json", "-"}
	run := func(more ...string) rankResult {
		out, table, err := bench(t, append(args, more...)...)
		require.NoError(t, err)
		t.Log("\n" + table)
		require.Contains(t, table, "hit rate")
		var r rankResult
		require.NoError(t, json.Unmarshal([]byte(out), &r), "stdout is JSON and nothing else")
		return r
	}
	r := run()
	require.Len(t, r.At, 2)
	require.InDelta(t, 300, r.Users, 5)
	require.Greater(t, r.At[1].HitRate, 0.2, "ten of a hundred by chance are 0.1")
	require.GreaterOrEqual(t, r.At[1].HitRate, r.At[0].HitRate)
	require.Equal(t, r, withSeconds(run(), r), "the same seed, the same result")

	all := run("--negatives", "0")
	require.Less(t, all.At[1].HitRate, r.At[1].HitRate, "all items are harder than a sample")
	require.Positive(t, all.At[0].Coverage)
	validation := run("--validation")
	require.True(t, validation.Validation)
	require.NotEqual(t, r.At, validation.At)
	fewer := run("--at-least", "5")
	require.NotEqual(t, r.At, fewer.At)
}

// withSeconds is a result with the timings of another.
func withSeconds(r, other rankResult) rankResult {
	r.Seconds = other.Seconds
	return r
}
