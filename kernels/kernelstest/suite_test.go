package kernelstest

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

func TestRunAcceptsTheReferenceDevice(t *testing.T) {
	Run(t, "reference", func(t *testing.T, opts kernels.Options) kernels.Device {
		return kernels.Checked(openReference(t, opts))
	})
}

func TestCaseNamesAreUnique(t *testing.T) {
	for _, g := range groups {
		seen := map[string]bool{}
		for _, c := range g.cases() {
			require.False(t, seen[c.name], "%s %s", g.name, c.name)
			seen[c.name] = true
		}
	}
}

// mutantVariable names the wrong device that TestMutant is to run the suite on.
const mutantVariable = "KERNELSTEST_MUTANT"

// TestMutant is run by TestRunRejects in a process of its own, in which it fails.
func TestMutant(t *testing.T) {
	name := os.Getenv(mutantVariable)
	if name == "" {
		t.Skip("run by TestRunRejects")
	}
	if name == "skipped" {
		Run(t, "reference", func(t *testing.T, _ kernels.Options) kernels.Device {
			t.Skip("no device")
			return nil
		})
		return
	}
	for _, m := range mutants {
		if m.name == name {
			Run(t, "reference", m.open)
			return
		}
	}
	t.Fatalf("there is no mutant %q", name)
}

// TestRunRejects runs the suite on devices that are wrong in one way. The group of
// the method must fail, with a message that names the method and the case.
func TestRunRejects(t *testing.T) {
	if raceDetector {
		t.Skip("the same without the race detector: it finds nothing in wrong numbers")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			output, err := runMutant(m.name, m.filter())
			require.Error(t, err, "the suite accepted the device:\n%s", output)
			failed := regexp.MustCompile(`--- FAIL: TestMutant/(\w+)/(\S+) \(`).FindStringSubmatch(output)
			require.NotNil(t, failed, "no case failed:\n%s", output)
			require.Equal(t, m.group, failed[1])
			// Subtests are named with underscores for spaces. The message is
			// apart from the line that reports the subtest, which has a slash.
			require.Contains(t, strings.ReplaceAll(output, " ", "_"), failed[1]+"_"+failed[2], "no message names the method and the case")
			require.NotContains(t, output, "panic:", "a wrong device must not end the tests")
			require.NotContains(t, output, "the case itself", "a wrong device must not look like a wrong case")
		})
	}
}

func TestSkipIsAFailureWhereRequired(t *testing.T) {
	output, err := runMutant("skipped", "Gemm")
	require.NoError(t, err, output)
	output, err = runMutant("skipped", "Gemm", "KERNELS_REQUIRE=cuda, reference")
	require.Error(t, err, output)
	require.Contains(t, output, "reference was skipped, and KERNELS_REQUIRE names it")
}

// runMutant runs a part of the suite on a wrong device and returns what it prints.
func runMutant(name, filter string, env ...string) (output string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(self, "-test.run=^TestMutant$/"+filter, "-test.v", "-test.failfast", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), mutantVariable+"="+name)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
