package emulator

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// runtimeFlags: variables of a thread are reached without a call, also from a
// signal handler.
func (b *builder) runtimeFlags() []string {
	flags := []string{"-std=gnu++17", "-O2", "-g1", "-march=native", "-fPIC", "-fno-semantic-interposition", "-ftls-model=initial-exec", "-Wall", "-Wextra"}
	if b.config.Ucontext {
		flags = append(flags, "-DEMULATOR_UCONTEXT")
	}
	return flags
}

// runtimeKey holds all that the runtime is made from, and whether it reports races:
// one runtime loads the kernels of one configuration.
func (b *builder) runtimeKey() (string, error) {
	var key strings.Builder
	fmt.Fprintln(&key, "runtime", b.runtimeFlags(), b.config.Omit, b.config.Races)
	for _, folder := range []string{"include", "runtime", "driver", "cublas"} {
		files, err := filepath.Glob(filepath.Join(b.source, folder, "*"))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&key, "%s %x\n", filepath.Base(file), sha256.Sum256(text))
		}
	}
	return key.String(), nil
}

// compileRuntime makes the stand-ins for libcuda and libcublas.
func (b *builder) compileRuntime(folder, hash string) error {
	cuda, err := b.compileObjects("runtime", "driver")
	if err != nil {
		return err
	}
	blas, err := b.compileObjects("cublas")
	if err != nil {
		return err
	}
	library := filepath.Join(folder, "libcuda.so.1")
	// Each runtime has a name of its own, so that a process can load several and the
	// kernels find theirs.
	args := slices.Concat([]string{"-shared", "-Wl,-soname,libcuda-" + hash + ".so"}, cuda, []string{"-o", library, "-lpthread", "-ldl"})
	if len(b.config.Omit) > 0 {
		script := filepath.Join(folder, "omit.map")
		text := "{ local: " + strings.Join(b.config.Omit, "; ") + "; };\n"
		if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
			return err
		}
		args = append(args, "-Wl,--version-script="+script)
	}
	if _, err := b.run("", args...); err != nil {
		return err
	}
	_, err = b.run("", slices.Concat([]string{"-shared"}, blas, []string{"-o", filepath.Join(folder, "libcublas.so.12"), library})...)
	return err
}

// compileObjects compiles the sources of some folders. Runtimes of several
// configurations have most of their objects in common.
func (b *builder) compileObjects(folders ...string) ([]string, error) {
	var sources []string
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(b.source, folder, "*.cpp"))
		if err != nil {
			return nil, err
		}
		sources = append(sources, files...)
	}
	objects := make([]string, len(sources))
	return objects, parallel(len(sources), func(i int) error {
		text, err := b.run("", slices.Concat(b.runtimeFlags(), []string{"-E", sources[i]})...)
		if err != nil {
			return err
		}
		folder, err := b.stored(fmt.Sprint("object ", string(text)), func(folder, _ string) error {
			_, err := b.run("", slices.Concat(b.runtimeFlags(), []string{"-c", sources[i], "-o", filepath.Join(folder, "unit.o")})...)
			return err
		})
		objects[i] = filepath.Join(folder, "unit.o")
		return err
	})
}
