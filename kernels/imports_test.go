package kernels_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/halfstep-ml/halfstep/"

// pkg is what go list says of a package.
type pkg struct {
	ImportPath   string
	Imports      []string
	Deps         []string
	TestImports  []string
	XTestImports []string
	Standard     bool
}

// list returns the packages of this module that exist, by their path below it.
func list(t *testing.T, args ...string) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Imports,Deps,TestImports,XTestImports,Standard"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	require.NoError(t, err)
	packages := make(map[string]pkg)
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages[strings.TrimPrefix(p.ImportPath, module)] = p
	}
}

// ours is the part of a list of imports that is of this module, without its path.
func ours(imports []string) []string {
	var list []string
	for _, path := range imports {
		if name, ok := strings.CutPrefix(path, module); ok {
			list = append(list, name)
		}
	}
	return list
}

// within reports whether a package is in the folder or below it.
func within(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

// TestImportDirection holds the packages to their layers: arrows point toward
// kernels, models know no device, devices know no model, nobody knows bench.
func TestImportDirection(t *testing.T) {
	packages := list(t, "./...")
	require.Contains(t, packages, "kernels")
	require.Contains(t, packages, "als")
	require.Contains(t, packages, "cpu")
	require.Contains(t, packages, "cuda")

	// What a package of a folder may import of this module, its own folder apart.
	allowed := map[string][]string{
		"kernels":             nil,
		"kernels/kernelstest": {"kernels"},
		"cpu":                 {"kernels"},
		"cuda":                {"kernels"},
		"als":                 {"kernels"},
		"nn":                  {"kernels"},
		"bench":               {"kernels", "kernels/kernelstest", "cpu", "cuda", "als", "nn"},
	}
	for name, p := range packages {
		folder, _, _ := strings.Cut(name, "/")
		if within(name, "kernels/kernelstest") {
			folder = "kernels/kernelstest"
		}
		rule, known := allowed[folder]
		require.True(t, known, "%s is in no folder of the layout", name)
		for _, imported := range ours(p.Imports) {
			inOwn := within(imported, folder) && !within(imported, "kernels/kernelstest")
			inRule := slices.ContainsFunc(rule, func(r string) bool {
				return within(imported, r) && (r != "kernels" || !within(imported, "kernels/kernelstest"))
			})
			require.True(t, inOwn || inRule, "%s imports %s", name, imported)
		}
		if folder != "bench" {
			tests := append(ours(p.TestImports), ours(p.XTestImports)...)
			require.False(t, slices.ContainsFunc(tests, func(i string) bool { return within(i, "bench") }), "a test of %s imports bench", name)
		}
	}
}

// TestLibraryLinksLittle holds what a program links that imports the library.
func TestLibraryLinksLittle(t *testing.T) {
	packages := list(t, "./...")

	// The emulator is for tests, and cgo is in one place that ships.
	const emulator, driver = "cuda/internal/emulator", "cuda/internal/driver"
	for name, p := range packages {
		require.NotContains(t, ours(p.Imports), emulator, "%s links the emulator", name)
		if name != emulator && name != driver {
			require.NotContains(t, p.Imports, "C", "%s has cgo", name)
		}
	}

	// kernels is the standard library alone.
	standard := list(t, "std")
	for _, dep := range packages["kernels"].Deps {
		require.True(t, standard[dep].Standard || strings.HasPrefix(dep, "vendor/"), "kernels links %s", dep)
	}

	// A service that imports als and both devices links nothing of the benchmark:
	// no command line, charts, progress bars, test code.
	for _, name := range []string{"als", "cpu", "cuda", "nn"} {
		for _, dep := range packages[name].Deps {
			own, isOurs := strings.CutPrefix(dep, module)
			require.False(t, isOurs && (within(own, "bench") || within(own, "kernels/kernelstest")), "%s links %s", name, dep)
			for _, heavy := range []string{"github.com/spf13/", "gonum.org/v1/plot", "github.com/schollz/", "github.com/stretchr/", "testing"} {
				require.False(t, dep == heavy || strings.HasPrefix(dep, heavy) && heavy != "testing", "%s links %s", name, dep)
			}
		}
	}
}
