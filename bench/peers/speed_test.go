package peers

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/bench/dataset"
)

// answering is a process whose script is in the language of the shell.
func answering(t *testing.T, script string) (*peerProcess, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o644))
	return start(t.Context(), "/bin/sh", dir, []string{"SIDE=theirs"}, "script", "argument")
}

func TestPeerProcessAnswers(t *testing.T) {
	p, err := answering(t, `
		read line; echo '{"version": "'$SIDE $1'"}'
		read line; echo '{"seconds": 2.5}'
		read line; echo no JSON
		read line; echo the cause >&2; exit 3`)
	require.NoError(t, err)
	require.Equal(t, "theirs argument", p.version)
	seconds, err := answered(p, request{"work": "a"})()
	require.NoError(t, err)
	require.Equal(t, 2.5, seconds)
	_, err = answered(p, request{"work": "b"})()
	require.ErrorContains(t, err, `script, b: the answer "no JSON\n"`)
	_, err = answered(p, request{"work": "c"})()
	require.ErrorContains(t, err, "script, c: EOF")
	require.ErrorContains(t, p.stop(), "exit status 3")
}

func TestPeerProcessThatDoesNotStart(t *testing.T) {
	_, err := answering(t, "echo no such module >&2; exit 1")
	require.ErrorContains(t, err, "script, version:")
	require.ErrorContains(t, err, "exit status 1")
}

func TestRaceTakesTurns(t *testing.T) {
	var turns string
	side := func(name string, seconds ...float64) side {
		return func() (float64, error) {
			turns += name
			s := seconds[0]
			seconds = seconds[1:]
			return s, nil
		}
	}
	s := Speed{Rounds: 4}
	r, err := s.race(t.Context(), "work", "peer", 2, side("a", 1, 4, 2, 3), side("b", 10, 5, 10, 30))
	require.NoError(t, err)
	require.Equal(t, "abababab", turns)
	require.Equal(t, &Race{
		Work: "work", Peer: "peer", Threads: 2,
		Ours: Seconds{Median: 2.5, Min: 1, Max: 4}, Theirs: Seconds{Median: 10, Min: 5, Max: 30}, Ratio: 4,
	}, r)
	require.Equal(t, Seconds{Median: 2, Min: 1, Max: 5}, newSeconds([]float64{5, 1, 2}))

	broken := errors.New("broken")
	_, err = s.race(t.Context(), "work", "peer", 1, side("a", 1), func() (float64, error) { return 0, broken })
	require.ErrorIs(t, err, broken)
	require.Len(t, s.races, 1)
}

func TestSpeedNamesTheGroupsThereAre(t *testing.T) {
	_, err := (&Speed{Python: "/bin/sh", Dir: t.TempDir()}).Run(t.Context(), nil, []string{"train", "blass"})
	require.ErrorContains(t, err, `"blass", want some of blas,train,recommend,csv,spark`)
}

func TestSpeedWithThePeers(t *testing.T) {
	c := withPeers(t)
	file := filepath.Join(t.TempDir(), "ratings.csv")
	f, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, dataset.WriteCSV(t.Context(), f, dataset.Synthetic{Users: 400, Items: 250, Ratings: 20000, Seed: 3}))
	require.NoError(t, f.Close())
	s := Speed{Python: c.Python, Dir: c.Dir, Threads: []int{1}, Rounds: 1, Least: time.Millisecond, File: file}
	races, err := s.Run(t.Context(), synthetic(t), []string{"train", "recommend", "csv"})
	require.NoError(t, err)
	require.Len(t, races, 10, "three ranks by two solvers, recommending, and three ways to read")
	for _, r := range races {
		require.Positive(t, r.Ratio, r.Work)
		require.NotEmpty(t, r.Note, r.Work)
	}
}
