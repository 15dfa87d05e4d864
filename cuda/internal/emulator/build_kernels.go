package emulator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// kernelMark stands for __global__ in preprocessed text.
const kernelMark = "emulated_kernel"

var kernelPattern = regexp.MustCompile(kernelMark + `\s+void\s+(\w+)\s*\(`)

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
	libraries := make([]string, len(sources))
	return libraries, parallel(len(sources), func(i int) (err error) {
		libraries[i], err = b.compileKernel(sources[i], runtimeFolder)
		return err
	})
}

// compileKernel compiles one source. The compiler runs in its folder, so that the same
// text is taken from the cache wherever it lies.
func (b *builder) compileKernel(source, runtimeFolder string) (string, error) {
	dir, base := filepath.Split(source)
	texts, err := withIncludes(source)
	if err != nil {
		return "", err
	}
	name := "kernel_" + strings.TrimSuffix(base, ".cu") + ".so"
	key := fmt.Sprint("kernel ", base, b.kernelFlags(), runtimeFolder, texts)
	folder, err := b.stored(key, func(folder, _ string) error {
		text, err := b.run(dir, slices.Concat(b.kernelFlags(), []string{"-E", "-D__global__=" + kernelMark, base})...)
		if err != nil {
			return err
		}
		unit := filepath.Join(folder, "unit.cpp")
		if err := os.WriteFile(unit, kernelUnit(base, text), 0o644); err != nil {
			return err
		}
		object := filepath.Join(folder, "unit.o")
		if _, err := b.run(dir, slices.Concat(b.kernelFlags(), []string{"-I", ".", "-c", unit, "-o", object})...); err != nil {
			return err
		}
		// Linked without the sanitizers' own libraries: the runtime has their functions.
		_, err = b.run("", "-shared", object, "-o", filepath.Join(folder, name), filepath.Join(runtimeFolder, "libcuda.so.1"))
		return errors.Join(err, os.Remove(object))
	})
	return filepath.Join(folder, name), err
}

var include = regexp.MustCompile(`(?m)^#include "([^"]+)"`)

// withIncludes returns the text of a source and, after it, of all that it includes from
// its folder. The emulator's own headers are part of the runtime's key.
func withIncludes(source string) ([]string, error) {
	dir := filepath.Dir(source)
	names := []string{filepath.Base(source)}
	var texts []string
	for i := 0; i < len(names); i++ {
		text, err := os.ReadFile(filepath.Join(dir, names[i]))
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(text))
		for _, match := range include.FindAllSubmatch(text, -1) {
			if name := string(match[1]); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return texts, nil
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
