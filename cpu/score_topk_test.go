package cpu_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

// TestScoreTopKOverRanges has fewer rows than workers and so many columns that they
// are cut into ranges. Scores are small whole numbers, so that most are ties.
func TestScoreTopKOverRanges(t *testing.T) {
	const columns, rank = 20_000, 3
	t.Log("seed 21")
	rng := rand.New(rand.NewPCG(21, 21))
	y := make([]float32, columns*rank)
	for i := range y {
		y[i] = float32(rng.IntN(5) - 2)
	}
	y[5*rank], y[15_000*rank] = float32(math.NaN()), float32(math.Inf(1))
	seen := ratingsOf(rng, []int{300, 0, 12_000}, columns)
	allow := make([]uint32, (columns+31)/32)
	for i := range allow {
		allow[i] = rng.Uint32()
	}
	x := []float32{1, 1, 1, 2, -1, 0, 1, 0, -1}

	for _, threads := range []int{1, 2, 7} {
		for _, k := range []int{1, 10, 1500, columns + 5} {
			d := open(t, kernels.Options{Threads: threads})
			s := stream(t, d)
			upX, upY, top := newMatrix(t, s, 3, rank), newMatrix(t, s, columns, rank), newMatrix(t, s, 3, k)
			require.NoError(t, kernels.Upload(s, upX.Buf, x))
			require.NoError(t, kernels.Upload(s, upY.Buf, y))
			ids, err := kernels.AllocBuffer[int32](s, 3*k)
			require.NoError(t, err)
			bits, err := kernels.AllocBuffer[uint32](s, len(allow))
			require.NoError(t, err)
			require.NoError(t, kernels.Upload(s, bits, allow))
			r, err := d.NewCSR(seen)
			require.NoError(t, err)

			require.NoError(t, s.ScoreTopK(ids, top, upX, upY, r, bits))
			gotIDs, gotScores := download(t, s, ids), download(t, s, top.Buf)
			for row := range 3 {
				wantIDs, wantScores := best(x[row*rank:(row+1)*rank], y, k, seen, row, allow)
				require.Equal(t, wantIDs, gotIDs[row*k:(row+1)*k], "%d threads, k %d, row %d", threads, k, row)
				require.Equal(t, wantScores, gotScores[row*k:(row+1)*k], "%d threads, k %d, row %d", threads, k, row)
			}
			_ = d.Close()
		}
	}
}

// best sorts all candidates.
func best(x, y []float32, k int, seen kernels.HostCSR, row int, allow []uint32) ([]int32, []float32) {
	type candidate struct {
		id    int32
		score float32
	}
	skip := seen.Columns[seen.Offsets[row]:seen.Offsets[row+1]]
	var all []candidate
	for id := range len(y) / len(x) {
		var score float32
		for i, v := range x {
			score += v * y[id*len(x)+i]
		}
		_, out := slices.BinarySearch(skip, int32(id))
		if !out && score == score && allow[id/32]>>(id%32)&1 == 1 {
			all = append(all, candidate{int32(id), score})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.id, b.id))
	})
	ids, scores := make([]int32, k), make([]float32, k)
	for i := range k {
		ids[i], scores[i] = -1, float32(math.Inf(-1))
		if i < len(all) {
			ids[i], scores[i] = all[i].id, all[i].score
		}
	}
	return ids, scores
}
