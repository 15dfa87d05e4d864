package emulator_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// unreached are files whose kernels the conformance suite does not launch.
var unreached = map[string]string{"peak.cu": "measures speed, and has no result that could be wrong"}

// attempt is a run of tests of package cuda: the conformance suite in one order of
// threads, or the tests of what the suite does not reach.
type attempt struct {
	args  []string
	races bool
}

// inOrder runs the groups of the suite that launch kernels, less those that are slow
// and launch no other.
func inOrder(order string) []string {
	return []string{"-test.run", "^TestConformance$/^" + order + "$/^(LargeOffsets|Gemm|Gram|SpMM|GatherRows|ScatterAddRows|Axpy|Scale|Mul|Fill|" +
		"CopyMatrix|ColumnSums|RowNorms|NormalEquations|HalfStep|SolveSPD|Loss|Predict|ScoreTopK)$"}
}

// attempts are what a mutant has to pass to go unnoticed.
var attempts = []attempt{
	{args: inOrder("random")},
	{args: []string{"-test.short", "-test.skip", "^Test(Conformance|Every|Training)"}},
	{args: inOrder("random"), races: true},
	{args: inOrder("forward")},
	{args: inOrder("reverse")},
}

// unnoticed lists the mutants that no test notices, each with the reason.
const unnoticed = "testdata/unnoticed.txt"

// TestMutants makes mistakes in the kernels, one at a time, and expects the tests to
// notice every one that unnoticed does not list, and these to be at most 5 of 100 of all.
// The environment variable HALFSTEP_MUTANTS says which: "all", those of the files it
// names, such as "spmm.cu,tiles.cuh", or how many of those not listed, at random.
func TestMutants(t *testing.T) {
	wanted := os.Getenv("HALFSTEP_MUTANTS")
	if wanted == "" {
		t.Skip("HALFSTEP_MUTANTS is not set: make mutants")
	}
	kernels := filepath.Join("..", "..", "kernels")
	mutants, err := listMutants(kernels)
	require.NoError(t, err)
	listed, err := readUnnoticed(unnoticed)
	require.NoError(t, err)
	for name := range listed {
		require.True(t, slices.ContainsFunc(mutants, func(m mutant) bool { return m.name() == name }),
			"%s lists %q, which is no mutant", unnoticed, name)
	}
	require.LessOrEqual(t, 20*len(listed), len(mutants), "%s: at least 95 of 100 mutants have to be noticed", unnoticed)
	if count, err := strconv.Atoi(wanted); err == nil {
		mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return listed[m.name()] })
		const seed = 1
		t.Logf("mutants from seed %d", seed)
		rand.New(rand.NewPCG(seed, seed)).Shuffle(len(mutants), func(i, j int) { mutants[i], mutants[j] = mutants[j], mutants[i] })
		mutants = mutants[:min(count, len(mutants))]
	} else if wanted != "all" {
		files := strings.Split(wanted, ",")
		mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return !slices.Contains(files, m.file) })
		require.NotEmpty(t, mutants, "no mutants of the files %s", wanted)
	}
	binary := filepath.Join(t.TempDir(), "cuda.test")
	out, err := exec.Command("go", "test", "-c", "-o", binary, "../..").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, a := range attempts {
		message, noticed := a.run(t, binary, kernels)
		require.False(t, noticed, "the kernels as they are: %s", message)
	}

	var mutex sync.Mutex
	var missed, unlisted []string
	t.Run("all", func(t *testing.T) {
		for _, m := range mutants {
			t.Run(m.String(), func(t *testing.T) {
				t.Parallel()
				if message := m.test(t, binary, kernels); message != "" {
					t.Log(message)
					return
				}
				t.Log("not noticed")
				mutex.Lock()
				defer mutex.Unlock()
				missed = append(missed, m.String())
				if !listed[m.name()] {
					unlisted = append(unlisted, m.name())
				}
			})
		}
	})
	t.Logf("%d of %d mutants noticed; the others:\n%s", len(mutants)-len(missed), len(mutants), strings.Join(missed, "\n"))
	require.Empty(t, unlisted, "mutants that no test notices and %s does not list", unnoticed)
}

// readUnnoticed reads the names of mutants, one a line; lines that begin with # are
// comments.
func readUnnoticed(path string) (map[string]bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names[line] = true
		}
	}
	return names, nil
}

// test returns what noticed the mutant, empty if nothing did.
func (m mutant) test(t *testing.T, binary, kernels string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, m.write(kernels, folder))
	for _, a := range attempts {
		if message, noticed := a.run(t, binary, folder); noticed {
			return message
		}
	}
	return ""
}

// run runs tests on the kernels of a folder until something fails, and returns the
// first sign of it. A kernel that does not end is noticed too.
func (a attempt) run(t *testing.T, binary, kernels string) (message string, noticed bool) {
	t.Helper()
	absolute, err := filepath.Abs(kernels)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append(slices.Clone(a.args), "-test.failfast", "-test.timeout", "3m")...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "HALFSTEP_EMULATOR_KERNELS="+absolute, "HALFSTEP_MUTANTS=")
	if a.races {
		cmd.Env = append(cmd.Env, "HALFSTEP_EMULATOR_RACES=1")
	}
	out, err := cmd.CombinedOutput()
	require.NotContains(t, string(out), "g++:", "the mutant does not compile")
	if err == nil {
		require.NotContains(t, string(out), "no tests to run")
		return "", false
	}
	message = err.Error() // of a kernel that does not end
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte("--- FAIL")) {
			message = string(line)
		}
	}
	return strings.TrimSpace(message), true
}

// mutant is a kernel with a mistake made on purpose, which tests have to notice.
type mutant struct {
	file     string // of the folder of the kernels
	function string
	line     int
	kind     string // "barrier", "mask" or "index"
	was      string // the line before
	nth      int    // of the function's mutants of this kind and line, from 1
	text     string // the whole file with the mistake
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d %s: %s", m.file, m.line, m.kind, m.was) }

// name names a mutant for as long as its line is in the function, wherever that stands.
func (m mutant) name() string {
	return fmt.Sprintf("%s %s %s %d: %s", m.file, m.function, m.kind, m.nth, m.was)
}

var (
	// barrier is a call of one, or of a function that is named for calling one.
	barrier  = regexp.MustCompile(`^\s*(__syncthreads|__syncwarp|\w+_sync)(<\w+>)?\([^()]*\);`)
	fullMask = regexp.MustCompile(`_sync\((full_warp|0xffffffffu?|~0u?)\b`)
	// A function begins with its name at the left margin, and ends with a brace there.
	signature    = regexp.MustCompile(`^\w.*\w\(`)
	functionName = regexp.MustCompile(`(\w+)\(`)
	// declaration is a line that declares an array.
	declaration = regexp.MustCompile(`^\s*(__shared__ |const |static |volatile )*[\w:<>]+ \*?\w+(\[[^\]]*\])+( = .*)?(, .*)?;`)
	statement   = regexp.MustCompile(`^\s*return\b`)
	subscript   = regexp.MustCompile(`\w\[[^\[\]]+\]`)
)

// listMutants lists the mutants of a folder of kernels: each barrier taken away in turn,
// each mask of a shuffle or vote less its highest lane, and in each function the first
// index one too high.
func listMutants(folder string) ([]mutant, error) {
	var mutants []mutant
	for _, pattern := range []string{"*.cu", "*.cuh"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if unreached[filepath.Base(file)] != "" {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			mutants = append(mutants, mutantsOf(filepath.Base(file), string(text))...)
		}
	}
	return mutants, nil
}

func mutantsOf(file, text string) []mutant {
	lines := strings.Split(text, "\n")
	var mutants []mutant
	function := ""
	add := func(i int, kind, line string) {
		m := mutant{
			file: file, function: function, line: i + 1, kind: kind, was: strings.TrimSpace(lines[i]), nth: 1,
			text: strings.Join(lines[:i], "\n") + "\n" + line + "\n" + strings.Join(lines[i+1:], "\n"),
		}
		for _, other := range mutants {
			if other.function == m.function && other.kind == m.kind && other.was == m.was {
				m.nth++
			}
		}
		mutants = append(mutants, m)
	}
	// each changes one place of a line in turn.
	each := func(i int, kind string, pattern *regexp.Regexp, code string, change func(found string) string) {
		for _, at := range pattern.FindAllStringIndex(code, -1) {
			add(i, kind, lines[i][:at[0]]+change(lines[i][at[0]:at[1]])+lines[i][at[1]:])
		}
	}
	inSignature, inBody, notEmulated := false, false, false
	for i, line := range lines {
		// What is for later GPUs only is inline PTX, of which the emulator takes the
		// portable twin.
		if strings.HasPrefix(line, "#") {
			notEmulated = strings.HasPrefix(line, "#if __CUDA_ARCH__ >= 800")
		}
		if notEmulated {
			continue
		}
		code, _, _ := strings.Cut(line, "//")
		each(i, "barrier", barrier, code, func(string) string { return ";" })
		each(i, "mask", fullMask, code, func(found string) string {
			open := strings.IndexByte(found, '(') + 1
			return found[:open] + "(" + found[open:] + " >> 1)"
		})
		if signature.MatchString(code) && !strings.HasSuffix(code, ";") {
			inSignature, inBody = true, false
			names := functionName.FindAllStringSubmatch(code, -1)
			function = names[len(names)-1][1] // after its attributes
		}
		switch {
		case inSignature:
			inBody = strings.HasSuffix(strings.TrimSpace(code), "{")
			inSignature = !inBody && line != "}"
		case line == "}":
			inBody = false
		case inBody && (!declaration.MatchString(code) || statement.MatchString(code)):
			if at := subscript.FindStringIndex(code); at != nil {
				inBody = false // one is enough
				add(i, "index", line[:at[1]-1]+" + 1"+line[at[1]-1:])
			}
		}
	}
	return mutants
}

// write copies the kernels to another folder, this one with its mistake.
func (m mutant) write(from, to string) error {
	for _, pattern := range []string{"*.cu", "*.cuh"} {
		files, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if filepath.Base(file) == m.file {
				text = []byte(m.text)
			}
			if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
