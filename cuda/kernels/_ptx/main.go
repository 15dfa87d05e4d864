//go:build linux && cgo

// Command ptx compiles CUDA kernels to PTX with NVRTC, which needs neither a CUDA
// toolkit nor a GPU. Each .cu file of the folder becomes a .ptx file beside it; with
// -check it compares them instead. The same source gives the same text on every run.
//
//	go run ./cuda/kernels/_ptx -nvrtc FOLDER [-check] cuda/kernels
//
// make ptx and make check-ptx call it with the version of NVRTC that is pinned.
package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

// NVRTC's interface, of which every version from 11 on has these functions.
typedef void *nvrtc_program;
static struct {
	const char *(*nvrtcGetErrorString)(int);
	int (*nvrtcCreateProgram)(nvrtc_program *, const char *, const char *, int, const char *const *, const char *const *);
	int (*nvrtcDestroyProgram)(nvrtc_program *);
	int (*nvrtcCompileProgram)(nvrtc_program, int, const char *const *);
	int (*nvrtcGetProgramLogSize)(nvrtc_program, size_t *);
	int (*nvrtcGetProgramLog)(nvrtc_program, char *);
	int (*nvrtcGetPTXSize)(nvrtc_program, size_t *);
	int (*nvrtcGetPTX)(nvrtc_program, char *);
} api;

#define FIND(name) \
	if ((*(void **)&api.name = dlsym(library, #name)) == NULL) { \
		return dlerror(); \
	}

static const char *load(const char *path) {
	void *library = dlopen(path, RTLD_NOW);
	if (library == NULL) {
		return dlerror();
	}
	FIND(nvrtcGetErrorString) FIND(nvrtcCreateProgram) FIND(nvrtcDestroyProgram)
	FIND(nvrtcCompileProgram) FIND(nvrtcGetProgramLogSize) FIND(nvrtcGetProgramLog) FIND(nvrtcGetPTXSize) FIND(nvrtcGetPTX)
	return NULL;
}

// compile returns 0 and the PTX, or the result of the step that failed. The compiler's
// messages are in log either way. The caller frees both.
static int compile(const char *source, const char *name, int headers, const char *const *texts, const char *const *names,
	int options, const char *const *option, char **ptx, char **log) {
	nvrtc_program program;
	size_t bytes;
	int result = api.nvrtcCreateProgram(&program, source, name, headers, texts, names);
	if (result != 0) {
		return result;
	}
	result = api.nvrtcCompileProgram(program, options, option);
	if (api.nvrtcGetProgramLogSize(program, &bytes) == 0) {
		*log = malloc(bytes);
		api.nvrtcGetProgramLog(program, *log);
	}
	if (result == 0) {
		result = api.nvrtcGetPTXSize(program, &bytes);
	}
	if (result == 0) {
		*ptx = malloc(bytes);
		result = api.nvrtcGetPTX(program, *ptx);
	}
	api.nvrtcDestroyProgram(&program);
	return result;
}

static const char *text_of(int result) { return api.nvrtcGetErrorString(result); }
*/
import "C"

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unsafe"
)

// attempts is how often a source is compiled before it counts as changed: NVRTC was seen
// to number the registers of one kernel in another way, once in many runs.
const attempts = 3

// optionsFor returns the options for a source. compute_70 is Volta, the oldest GPU that
// the kernels are for; a driver compiles its PTX for every later one. Sources whose
// names end in _sm80 are for Ampere and later.
func optionsFor(name string) []string {
	architecture := "compute_70"
	if strings.HasSuffix(name, "_sm80.cu") {
		architecture = "compute_80"
	}
	return []string{"--gpu-architecture=" + architecture, "--std=c++17"}
}

func main() {
	nvrtc := flag.String("nvrtc", "", "the folder that holds libnvrtc.so.12")
	check := flag.Bool("check", false, "compare with the .ptx files instead of writing them")
	flag.Parse()
	if *nvrtc == "" || flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*nvrtc, flag.Arg(0), *check); err != nil {
		fmt.Fprintf(os.Stderr, "ptx: %v\n", err)
		os.Exit(1)
	}
}

func run(nvrtc, folder string, check bool) error {
	library := C.CString(filepath.Join(nvrtc, "libnvrtc.so.12"))
	defer C.free(unsafe.Pointer(library))
	if message := C.load(library); message != nil {
		return errors.New(C.GoString(message))
	}
	headers, err := readAll(filepath.Join(folder, "*.cuh"))
	if err != nil {
		return err
	}
	sources, err := readAll(filepath.Join(folder, "*.cu"))
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return fmt.Errorf("no .cu files in %s", folder)
	}
	written := make(map[string]bool)
	var failures []error
	for _, source := range sources {
		file := filepath.Join(folder, strings.TrimSuffix(source.name, ".cu")+".ptx")
		written[file] = true
		var err error
		for range attempts {
			var ptx []byte
			if ptx, err = compile(source, headers); err != nil {
				break
			}
			if err = store(file, ptx, check); err == nil {
				break
			}
		}
		failures = append(failures, err)
	}
	stale, err := filepath.Glob(filepath.Join(folder, "*.ptx"))
	failures = append(failures, err)
	for _, file := range stale {
		if !written[file] {
			failures = append(failures, fmt.Errorf("%s has no source any more", file))
		}
	}
	return errors.Join(failures...)
}

func store(file string, ptx []byte, check bool) error {
	if !check {
		return os.WriteFile(file, ptx, 0o644)
	}
	old, err := os.ReadFile(file)
	if err == nil && !bytes.Equal(callNumber.ReplaceAll(old, nil), ptx) {
		err = fmt.Errorf("%s is not what its source compiles to: make ptx", file)
	}
	return err
}

type text struct {
	name, content string
}

func readAll(pattern string) ([]text, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	var all []text
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, text{filepath.Base(file), string(content)})
	}
	return all, nil
}

// compile compiles a source. The PTX names no path, so it is the same everywhere.
func compile(source text, headers []text) ([]byte, error) {
	var cStrings []*C.char
	c := func(s string) *C.char {
		p := C.CString(s)
		cStrings = append(cStrings, p)
		return p
	}
	defer func() {
		for _, p := range cStrings {
			C.free(unsafe.Pointer(p))
		}
	}()
	options := optionsFor(source.name)
	// One entry more than needed, so that the arrays have a first one.
	texts, names, flags := make([]*C.char, len(headers)+1), make([]*C.char, len(headers)+1), make([]*C.char, len(options))
	for i, header := range headers {
		texts[i], names[i] = c(header.content), c(header.name)
	}
	for i, option := range options {
		flags[i] = c(option)
	}
	var ptx, log *C.char
	result := C.compile(c(source.content), c(source.name), C.int(len(headers)), &texts[0], &names[0], C.int(len(flags)), &flags[0], &ptx, &log)
	defer C.free(unsafe.Pointer(ptx))
	defer C.free(unsafe.Pointer(log))
	messages := strings.TrimSpace(C.GoString(log))
	if result != 0 {
		return nil, fmt.Errorf("%s: %s\n%s", source.name, C.GoString(C.text_of(result)), messages)
	}
	if messages != "" {
		fmt.Fprintln(os.Stderr, messages)
	}
	return callNumber.ReplaceAll([]byte(C.GoString(ptx)), nil), nil
}

// callNumber is a comment at calls of functions, whose number depends on which thread
// of the compiler was first. All else is the same on every run.
var callNumber = regexp.MustCompile(` // callseq \d+(, \d+)?`)
