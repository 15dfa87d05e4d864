package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

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
// user's cache folder. Without g++ it skips the test, or fails it where the
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

// kernelMark stands for __global__ in preprocessed text.
const kernelMark = "emulated_kernel"

var kernelPattern = regexp.MustCompile(kernelMark + `\s+void\s+(\w+)\s*\(`)

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
	if _, err := os.Stat(folder); err == nil {
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

func (b *builder) run(args ...string) ([]byte, error) {
	cmd := exec.Command(b.compiler, args...)
	var out, messages strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(b.compiler), err, messages.String())
	}
	return []byte(out.String()), nil
}

// runtimeFlags: variables of a thread are reached without a call, also from a
// signal handler.
func (b *builder) runtimeFlags() []string {
	flags := []string{"-std=gnu++17", "-O2", "-g1", "-march=native", "-fPIC", "-fno-semantic-interposition", "-ftls-model=initial-exec", "-Wall", "-Wextra"}
	if b.config.Ucontext {
		flags = append(flags, "-DEMULATOR_UCONTEXT")
	}
	return flags
}

func (b *builder) runtimeSources() (cuda, blas, all []string) {
	for _, folder := range []string{"include", "runtime", "driver", "cublas"} {
		files, _ := filepath.Glob(filepath.Join(b.source, folder, "*"))
		for _, file := range files {
			all = append(all, file)
			switch {
			case filepath.Ext(file) != ".cpp":
			case folder == "cublas":
				blas = append(blas, file)
			default:
				cuda = append(cuda, file)
			}
		}
	}
	return cuda, blas, all
}

func (b *builder) runtimeKey() (string, error) {
	_, _, all := b.runtimeSources()
	var key strings.Builder
	fmt.Fprintln(&key, "runtime", b.runtimeFlags(), b.config.Omit)
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&key, "%s %x\n", filepath.Base(file), sha256.Sum256(text))
	}
	return key.String(), nil
}

func (b *builder) compileRuntime(folder, hash string) error {
	cuda, blas, _ := b.runtimeSources()
	library := filepath.Join(folder, "libcuda.so.1")
	// Each runtime has a name of its own, so that a process can load several and the
	// kernels find theirs.
	args := slices.Concat(b.runtimeFlags(), []string{"-shared", "-Wl,-soname,libcuda-" + hash + ".so"}, cuda, []string{"-o", library, "-lpthread", "-ldl"})
	if len(b.config.Omit) > 0 {
		script := filepath.Join(folder, "omit.map")
		text := "{ local: " + strings.Join(b.config.Omit, "; ") + "; };\n"
		if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
			return err
		}
		args = append(args, "-Wl,--version-script="+script)
	}
	if _, err := b.run(args...); err != nil {
		return err
	}
	_, err := b.run(slices.Concat(b.runtimeFlags(), []string{"-O3", "-shared"}, blas,
		[]string{"-o", filepath.Join(folder, "libcublas.so.12"), library})...)
	return err
}

// kernelFlags: contracted multiplications and additions and wrapping integers, as
// CUDA has them; indices beyond the bounds of an array are reported by the runtime.
func (b *builder) kernelFlags() []string {
	flags := []string{
		"-std=gnu++17", "-O2", "-g1", "-march=native", "-fPIC", "-fwrapv", "-fno-strict-aliasing", "-fno-exceptions",
		"-fsanitize=bounds", "-w", "-I", filepath.Join(b.source, "include"), "-include", "cuda_on_cpu.h", "-x", "c++",
	}
	if b.config.Races {
		flags = append(flags, "-fsanitize=thread")
	}
	return flags
}

// compileKernels makes one library for each .cu file.
func (b *builder) compileKernels(runtimeFolder string) ([]string, error) {
	sources, err := filepath.Glob(filepath.Join(b.config.Kernels, "*.cu"))
	if err != nil || len(sources) == 0 {
		return nil, fmt.Errorf("no .cu files in %s", b.config.Kernels)
	}
	libraries, failures := make([]string, len(sources)), make([]error, len(sources))
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for i, source := range sources {
		wait.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			libraries[i], failures[i] = b.compileKernel(source, runtimeFolder)
		})
	}
	wait.Wait()
	return libraries, errors.Join(failures...)
}

func (b *builder) compileKernel(source, runtimeFolder string) (string, error) {
	text, err := b.run(slices.Concat(b.kernelFlags(), []string{"-E", "-D__global__=" + kernelMark, source})...)
	if err != nil {
		return "", err
	}
	name := "kernel_" + strings.TrimSuffix(filepath.Base(source), ".cu") + ".so"
	key := fmt.Sprint("kernel ", b.kernelFlags(), runtimeFolder, string(text))
	folder, err := b.stored(key, func(folder, _ string) error {
		unit := filepath.Join(folder, "unit.cpp")
		if err := os.WriteFile(unit, kernelUnit(source, text), 0o644); err != nil {
			return err
		}
		object := filepath.Join(folder, "unit.o")
		if _, err := b.run(slices.Concat(b.kernelFlags(), []string{"-c", unit, "-o", object})...); err != nil {
			return err
		}
		// Linked without the sanitizers' own libraries: the runtime has their functions.
		_, err := b.run("-shared", object, "-o", filepath.Join(folder, name), filepath.Join(runtimeFolder, "libcuda.so.1"))
		return err
	})
	return filepath.Join(folder, name), err
}

// kernelUnit is a translation unit that includes a source and registers its kernels,
// which are found in its preprocessed text.
func kernelUnit(source string, preprocessed []byte) []byte {
	var unit strings.Builder
	unit.WriteString("static void *emulator_shared_variable() {\n\tstatic thread_local char one;\n\treturn &one;\n}\n")
	fmt.Fprintf(&unit, "#include %q\n", source)
	for _, match := range kernelPattern.FindAllSubmatch(preprocessed, -1) {
		fmt.Fprintf(&unit, "EMULATOR_KERNEL(%s)\n", match[1])
	}
	return []byte(unit.String())
}
