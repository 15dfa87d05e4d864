package cuda

import (
	"fmt"
	"math"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
	"github.com/stretchr/testify/require"
)

// TestSpMMShares has rows that end in a later group and in a later block than they begin,
// after none, one and many others, in every width of a group of lanes. Whole numbers make
// the results exact.
func TestSpMMShares(t *testing.T) {
	b := newRig(t, kernels.Options{})
	const columns = 2000
	lengths := []int{3, 0, 40, 1900, 1, 0, 0, 5, 511, 512, 513, 0}
	for range 700 {
		lengths = append(lengths, 0) // more ends of rows than a block has items
	}
	lengths = append(lengths, 1, 2, 3, 2000)
	host := kernels.HostCSR{Rows: len(lengths), Cols: columns, Offsets: []int64{0}}
	for _, n := range lengths {
		for i := range n {
			host.Columns = append(host.Columns, int32(i*columns/n))
			host.Values = append(host.Values, float32(b.rng.IntN(7)-3))
		}
		host.Offsets = append(host.Offsets, int64(len(host.Columns)))
	}
	require.Greater(t, host.Rows+int(host.Entries()), 8*fewestItems, "several blocks")
	a, err := b.dev.NewCSR(host)
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Free()) }()
	for n, width := range []int{1, 4, 5, 12, 32, 64, 100, 128, 132, 260} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			x, c := b.whole(columns, width), b.whole(host.Rows, width)
			beta := float64(n % 2)
			old := c.Clone()
			if beta == 0 {
				for i := range old.Data {
					old.Data[i] = math.NaN()
				}
			}
			got := b.upload(old)
			require.NoError(t, b.stream.SpMM(2, a, b.upload(x), float32(beta), got))
			kernelstest.SpMM(2, host, x, beta, c)
			require.Equal(t, c.Float32(), b.download(got))
		})
	}
}

// TestBlockItems: groups of every number of lanes get as many items each, a GPU enough
// blocks, and what blocks leave stays within its limit.
func TestBlockItems(t *testing.T) {
	for all := 1; all < 1<<40; all += 1 + all/3 {
		for _, columns := range []int{1, 64, 256, 5000} {
			items := blockItems(all, columns)
			require.Zero(t, items%spmmThreads)
			blocks := ceil(all, items)
			require.LessOrEqual(t, 4*blocks*columns, carriesLimit+4*columns)
			if all >= spmmBlocks*spmmItems {
				require.GreaterOrEqual(t, items, spmmItems)
			} else if 4*spmmBlocks*columns < carriesLimit {
				require.True(t, blocks > spmmBlocks/2 || items == fewestItems, "%d items: %d blocks of %d", all, blocks, items)
			}
		}
	}
}
