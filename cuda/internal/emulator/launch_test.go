package emulator_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
)

// gpu is an emulated GPU with the kernels of testdata.
type gpu struct {
	emulator.Library
	t       *testing.T
	context *driver.Context
	stream  *driver.Stream
	module  *driver.Module
}

// open opens it; at the end of the test nothing may be left on it, and no report.
func open(t *testing.T, config emulator.Config) *gpu {
	t.Helper()
	config.Kernels = "testdata"
	g := &gpu{Library: config.Load(t), t: t}
	library, err := driver.LoadFiles(g.CUDA, g.BLAS)
	require.NoError(t, err)
	g.context, err = library.Open(0)
	require.NoError(t, err)
	g.stream, err = g.context.NewStream()
	require.NoError(t, err)
	g.module, err = g.context.LoadModule(ptx(t))
	require.NoError(t, err)
	t.Cleanup(func() {
		g.CheckReports(t)
		g.SetOrder(emulator.Forward, 0)
		require.NoError(t, g.stream.Destroy())
		require.NoError(t, g.module.Unload())
		require.NoError(t, g.context.Close())
		require.Zero(t, g.Live())
	})
	return g
}

var kernelPattern = regexp.MustCompile(`__global__ void (\w+)\(([^)]*)\)`)

// ptx is a module that names the kernels of testdata. The emulator runs no PTX.
func ptx(t *testing.T) []byte {
	t.Helper()
	text := ".version 8.4\n.target sm_70\n"
	sources, err := filepath.Glob("testdata/*.cu")
	require.NoError(t, err)
	for _, source := range sources {
		code, err := os.ReadFile(source)
		require.NoError(t, err)
		for _, match := range kernelPattern.FindAllStringSubmatch(string(code), -1) {
			parameters := strings.Repeat("\t.param .u64 p,\n", 1+strings.Count(match[2], ","))
			text += fmt.Sprintf(".visible .entry %s(\n%s)\n{\n\tret;\n}\n", match[1], parameters)
		}
	}
	return append([]byte(text), 0)
}

// lineOf finds a mark in a source: "faulty.cu:7".
func lineOf(t *testing.T, mark string) string {
	t.Helper()
	code, err := os.ReadFile("testdata/faulty.cu")
	require.NoError(t, err)
	for i, line := range strings.Split(string(code), "\n") {
		if strings.HasSuffix(line, "// "+mark) {
			return fmt.Sprintf("faulty.cu:%d", i+1)
		}
	}
	require.Fail(t, "no such mark", mark)
	return ""
}

// alloc allocates on the device until the test ends.
func (g *gpu) alloc(bytes int) driver.Ptr {
	g.t.Helper()
	p, err := g.context.Alloc(bytes)
	require.NoError(g.t, err)
	g.t.Cleanup(func() { require.NoError(g.t, g.context.Free(p)) })
	return p
}

// launch runs a kernel and returns the error of waiting for it.
func (g *gpu) launch(kernel string, grid, block [3]uint32, shared uint32, args ...uint64) error {
	g.t.Helper()
	f, err := g.module.Function(kernel)
	require.NoError(g.t, err)
	require.NoError(g.t, g.stream.Launch(f, grid, block, shared, args))
	return g.stream.Sync()
}

func upload[E any](g *gpu, to driver.Ptr, values []E) {
	g.t.Helper()
	require.NoError(g.t, g.stream.CopyToDevice(to, unsafe.Pointer(&values[0]), len(values)*int(unsafe.Sizeof(values[0]))))
}

func download[E any](g *gpu, from driver.Ptr, n int) []E {
	g.t.Helper()
	values := make([]E, n)
	require.NoError(g.t, g.stream.CopyToHost(unsafe.Pointer(&values[0]), from, n*int(unsafe.Sizeof(values[0]))))
	require.NoError(g.t, g.stream.Sync())
	return values
}

// orders runs a test in each thread order, with both ways of switching fibers.
func orders(t *testing.T, test func(t *testing.T, g *gpu)) {
	for _, config := range []emulator.Config{{Races: true}, {Ucontext: true}} {
		for _, order := range []emulator.Order{emulator.Forward, emulator.Reverse, emulator.Random} {
			t.Run(fmt.Sprintf("ucontext=%v/%v", config.Ucontext, order), func(t *testing.T) {
				g := open(t, config)
				const seed = 3
				t.Logf("seed %d", seed)
				g.SetOrder(order, seed)
				test(t, g)
			})
		}
	}
}

func TestSum(t *testing.T) {
	orders(t, func(t *testing.T, g *gpu) {
		const n, blocks = 10000, 7
		x := make([]float32, n)
		var want float32 // whole numbers: every order of adding is exact
		for i := range x {
			x[i] = float32(i % 17)
			want += x[i]
		}
		in, out := g.alloc(4*n), g.alloc(4*blocks)
		upload(g, in, x)
		require.NoError(t, g.launch("sum_blocks", [3]uint32{blocks, 1, 1}, [3]uint32{256, 1, 1}, 0, uint64(in), uint64(out), n))
		var sum float32
		for _, v := range download[float32](g, out, blocks) {
			sum += v
		}
		require.Equal(t, want, sum)
	})
}

func TestAxpy(t *testing.T) {
	g := open(t, emulator.Config{})
	const n = 1000
	x, y := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = float32(i), 1
	}
	dx, dy := g.alloc(4*n), g.alloc(4*n)
	upload(g, dx, x)
	upload(g, dy, y)
	alpha := uint64(math.Float32bits(2))
	require.NoError(t, g.launch("axpy", [3]uint32{4, 1, 1}, [3]uint32{256, 1, 1}, 0, alpha, uint64(dx), uint64(dy), n))
	for i, v := range download[float32](g, dy, n) {
		require.Equal(t, float32(1+2*i), v)
	}
}

func TestWarpExchange(t *testing.T) {
	orders(t, func(t *testing.T, g *gpu) {
		out := g.alloc(4 * 64)
		for _, last := range []uint64{63, 47} {
			require.NoError(t, g.stream.Memset8(out, 0, 4*64))
			require.NoError(t, g.launch("reverse_warps", [3]uint32{3, 1, 1}, [3]uint32{64, 1, 1}, 4*64, uint64(out), last))
			for i, v := range download[float32](g, out, 64) {
				if uint64(i) <= last {
					require.Equal(t, float32(i^15), v)
				}
			}
		}
	})
}

func TestCountThreads(t *testing.T) {
	orders(t, func(t *testing.T, g *gpu) {
		out := g.alloc(4 * 6)
		require.NoError(t, g.launch("count_threads", [3]uint32{3, 1, 1}, [3]uint32{100, 1, 1}, 0, uint64(out)))
		require.Equal(t, []int32{100, 50, 100, 50, 100, 50}, download[int32](g, out, 6))
	})
}

func TestWarpOperations(t *testing.T) {
	orders(t, func(t *testing.T, g *gpu) {
		out := g.alloc(4 * 8 * 32)
		require.NoError(t, g.launch("warp_operations", [3]uint32{1, 1, 1}, [3]uint32{32, 1, 1}, 0, uint64(out)))
		got := download[int32](g, out, 8*32)
		for lane := range int32(32) {
			up, down, xor := lane-3, lane+3, lane^12
			if up < 0 {
				up = lane
			}
			if down/16 != lane/16 {
				down = lane
			}
			if xor/8 > lane/8 { // it may look back to an earlier segment only
				xor = lane
			}
			var match int32
			for other := range int32(32) {
				if other/5 == lane/5 {
					match |= 1 << other
				}
			}
			ballot := int32(0x49249249)
			require.Equal(t, []int32{lane&^7 + 5, up, down, xor, ballot, match, 1, 2*(lane^1) + 1}, got[8*lane:8*lane+8], "lane %d", lane)
		}
	})
}

func TestThreadIndices(t *testing.T) {
	orders(t, func(t *testing.T, g *gpu) {
		const n = 3 * 2 * 5 * 4 * 3 * 2
		out := g.alloc(4 * n)
		require.NoError(t, g.stream.Memset8(out, 0, 4*n))
		require.NoError(t, g.launch("thread_indices", [3]uint32{3, 2, 5}, [3]uint32{4, 3, 2}, 0, uint64(out)))
		for i, v := range download[int32](g, out, n) {
			require.Equal(t, int32(1+i), v)
		}
	})
}
