package cpu

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machineModel is the maker's name of the processor where the system tells it in
// /proc/cpuinfo, else the architecture.
func machineModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for _, key := range []string{"model name", "Model", "cpu model", "cpu"} {
		if name := field(text, key); name != "" {
			return name
		}
	}
	return runtime.GOARCH
}

// machineMemory is the size of the machine's memory in bytes where the system
// tells it in /proc/meminfo, else 0.
func machineMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	kib, err := strconv.ParseInt(strings.TrimSuffix(field(text, "MemTotal"), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// field is the value of the first line "key : value" of a file of /proc.
func field(text []byte, key string) string {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
