package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// machine says where a result is from.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	GPU    string `json:"gpu"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Go     string `json:"go"`
	Commit string `json:"commit,omitempty"`
}

func thisMachine() machine {
	return machine{
		CPU:    cpuModel(),
		Cores:  runtime.NumCPU(),
		OS:     runtime.GOOS,
		Arch:   runtime.GOARCH,
		Go:     runtime.Version(),
		Commit: commit(),
	}
}

func (m machine) String() string {
	s := fmt.Sprintf("%s, %s, %s/%s, %s", m.CPU, plural(m.Cores, "core"), m.OS, m.Arch, m.Go)
	if m.GPU != "" {
		s += ", " + m.GPU
	}
	if m.Commit != "" {
		s += ", commit " + m.Commit
	}
	return s
}

// cpuModel is the maker's name of the processor, or the architecture.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// commit is the commit that the program was built from, if the build recorded it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, modified := "", false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if revision != "" && modified {
		revision += " with changes"
	}
	return revision
}
