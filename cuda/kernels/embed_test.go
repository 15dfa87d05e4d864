package kernels

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestModules compares the kernels of the sources with those of the embedded PTX.
func TestModules(t *testing.T) {
	// By itself, or by a macro that is named in capitals.
	definition := regexp.MustCompile(`(?m)^extern "C" __global__ void (?:__launch_bounds__\([^)]*\) )?(\w+)\(|^[A-Z_0-9]+\((\w+),`)
	second := regexp.MustCompile(`__global__ void .*name##(\w+)\(`) // kernel of the macro of a file
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	module := map[string]string{}
	for _, f := range files {
		name, isSource := strings.CutSuffix(f.Name(), ".cu")
		if !isSource {
			continue
		}
		source, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		for _, match := range definition.FindAllStringSubmatch(string(source), -1) {
			kernel := match[1] + match[2]
			require.NotContains(t, module, kernel, "a kernel of this name is in two files")
			module[kernel] = name
			if suffix := second.FindStringSubmatch(string(source)); match[2] != "" && suffix != nil {
				module[kernel+suffix[1]] = name
			}
		}
	}
	require.NotEmpty(t, module)
	require.Len(t, Names(), len(module), "kernels in PTX and in sources; make ptx")
	for kernel, want := range module {
		got, ptx, ok := Find(kernel)
		require.True(t, ok, "%s has no PTX; make ptx", kernel)
		require.Equal(t, want, got, "the module of %s", kernel)
		target := ".target sm_70\n"
		if strings.HasSuffix(want, "_sm80") {
			target = ".target sm_80\n"
		}
		require.Contains(t, string(ptx), target)
		require.Contains(t, string(ptx), fmt.Sprintf(".version %d.%d", DriverVersion()/1000-4, DriverVersion()%1000/10))
	}
	_, _, ok := Find("no such kernel")
	require.False(t, ok)
}
