package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Config says what to build. The zero value is the kernels of package cuda/kernels.
type Config struct {
	// Kernels is the folder of the .cu files.
	Kernels string
	// Races has the kernels tell of every access, for reports of races. It makes
	// them slower by a factor of about ten.
	Races bool
	// Omit lists functions that the stand-in for libcuda lacks.
	Omit []string
	// Ucontext switches fibers by the functions of the C library, as on processors
	// for which there is no switch of our own.
	Ucontext bool
}

// Files are the libraries that were built.
type Files struct {
	CUDA string // stand-in for libcuda.so.1
	BLAS string // stand-in for libcublas.so.12
}

// Compile builds the libraries. What was built once from the same text stays in the
// user's cache folder, for as long as it is used once in 30 days. Without g++ it skips the test, or fails it where the
// environment variable KERNELS_REQUIRE names cuda.
func (c Config) Compile(tb testing.TB) Files {
	tb.Helper()
	if !supported {
		skip(tb, "its emulator needs Linux and cgo")
	}
	compiler, err := exec.LookPath("g++")
	if err != nil {
		skip(tb, "there is no g++, which compiles the CUDA kernels for the CPU")
	}
	b, err := newBuilder(compiler, c)
	require.NoError(tb, err)
	files, err := b.build()
	require.NoError(tb, err)
	return files
}

// skip skips a test, which is a failure where cuda is required.
func skip(tb testing.TB, reason string) {
	tb.Helper()
	for name := range strings.SplitSeq(os.Getenv("KERNELS_REQUIRE"), ",") {
		if strings.TrimSpace(name) == "cuda" {
			tb.Fatalf("%s, and KERNELS_REQUIRE names cuda", reason)
		}
	}
	tb.Skipf("CUDA is not tested: %s", reason)
}

// builder compiles into a cache: each library is named by the hash of all that it is
// made from, so that it is never out of date.
type builder struct {
	config   Config
	compiler string
	target   string // what -march=native means here
	source   string // the folder of this package
	cache    string
}

func newBuilder(compiler string, c Config) (*builder, error) {
	source, err := packageFolder()
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	if c.Kernels == "" {
		c.Kernels = filepath.Join(source, "..", "..", "kernels")
	}
	if c.Kernels, err = filepath.Abs(c.Kernels); err != nil {
		return nil, err
	}
	// What the options mean depends on the compiler and on the processor.
	var target string
	for _, option := range []string{"--version", "--help=target"} {
		out, err := exec.Command(compiler, "-march=native", "-Q", option).Output()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", compiler, option, err)
		}
		target += string(out)
	}
	return &builder{config: c, compiler: compiler, target: target, source: source, cache: filepath.Join(cache, "halfstep", "emulator")}, nil
}

// packageFolder finds the sources of this package: tests run in the folder of their
// package, and the module's root is above it.
func packageFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		folder := filepath.Join(dir, "cuda", "internal", "emulator")
		if _, err := os.Stat(filepath.Join(folder, "include", "cuda_on_cpu.h")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("emulator: no sources of the module above the working directory")
		}
		dir = parent
	}
}

// build makes a folder with all libraries.
func (b *builder) build() (Files, error) {
	var err error
	pruneOnce.Do(func() { err = prune(b.cache, time.Now().Add(-unusedFor)) })
	if err != nil {
		return Files{}, err
	}
	key, err := b.runtimeKey()
	if err != nil {
		return Files{}, err
	}
	runtimeFolder, err := b.stored(key, b.compileRuntime)
	if err != nil {
		return Files{}, err
	}
	kernels, err := b.compileKernels(runtimeFolder)
	if err != nil {
		return Files{}, err
	}
	all := append([]string{filepath.Join(runtimeFolder, "libcuda.so.1"), filepath.Join(runtimeFolder, "libcublas.so.12")}, kernels...)
	folder, err := b.stored("all\n"+strings.Join(all, "\n"), func(folder, _ string) error {
		for _, file := range all {
			if err := os.Symlink(file, filepath.Join(folder, filepath.Base(file))); err != nil {
				return err
			}
		}
		return nil
	})
	return Files{CUDA: filepath.Join(folder, "libcuda.so.1"), BLAS: filepath.Join(folder, "libcublas.so.12")}, err
}

// stored returns the folder of the cache for a key, filled by write at its first use.
// Its name is the hash of the key.
func (b *builder) stored(key string, write func(folder, hash string) error) (string, error) {
	sum := sha256.Sum256([]byte(b.compiler + "\n" + b.target + "\n" + key))
	hash := hex.EncodeToString(sum[:12])
	folder := filepath.Join(b.cache, hash)
	if touch(folder) {
		return folder, nil
	}
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(b.cache, "fresh-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := write(fresh, hash); err != nil {
		return "", err
	}
	// Whoever is first wins; the others' work is the same.
	if err := os.Rename(fresh, folder); err != nil {
		if _, there := os.Stat(folder); there != nil {
			return "", err
		}
	}
	return folder, nil
}

// run calls the compiler in a folder.
func (b *builder) run(folder string, args ...string) ([]byte, error) {
	cmd := exec.Command(b.compiler, args...)
	cmd.Dir = folder
	var out, messages strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(b.compiler), err, messages.String())
	}
	return []byte(out.String()), nil
}

// parallel calls f for 0 to n-1, as many at a time as there are processors.
func parallel(n int, f func(i int) error) error {
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	failures := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			failures[i] = f(i)
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}
