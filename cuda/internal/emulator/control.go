//go:build linux && cgo

package emulator

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include "include/control.h"

struct control {
	void (*set_order)(int, unsigned long long);
	void (*set_memory)(size_t);
	void (*set_delay)(unsigned);
	void (*set_on_demand)(int);
	void (*set_clock)(double, double);
	double (*host_time)(void);
	int (*take_operation)(struct emulator_operation *);
	void (*fail_call)(const char *, long, int);
	void (*fail_launch)(long, int);
	long (*calls)(void);
	void (*live)(size_t *, size_t *, size_t *, size_t *, size_t *, size_t *);
	int (*take_report)(char *, size_t);
	void (*check_margins)(void);
	void (*reset)(void);
};

#define FIND(name) \
	if ((*(void **)&c->name = dlsym(library, "emulator_" #name)) == NULL) { \
		return dlerror(); \
	}

static const char *open_control(const char *path, struct control *c) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		return dlerror();
	}
	FIND(set_order) FIND(set_memory) FIND(set_delay) FIND(set_on_demand) FIND(fail_call) FIND(fail_launch)
	FIND(set_clock) FIND(host_time) FIND(take_operation)
	FIND(calls) FIND(live) FIND(take_report) FIND(check_margins) FIND(reset)
	return NULL;
}

static void set_order(struct control *c, int order, unsigned long long seed) { c->set_order(order, seed); }
static void set_memory(struct control *c, size_t bytes) { c->set_memory(bytes); }
static void set_delay(struct control *c, unsigned microseconds) { c->set_delay(microseconds); }
static void set_on_demand(struct control *c, int on) { c->set_on_demand(on); }
static void set_clock(struct control *c, double bytes, double blocks) { c->set_clock(bytes, blocks); }
static double host_time(struct control *c) { return c->host_time(); }
static int take_operation(struct control *c, struct emulator_operation *o) { return c->take_operation(o); }
static void fail_call(struct control *c, const char *name, long n, int code) { c->fail_call(name, n, code); }
static void fail_launch(struct control *c, long n, int code) { c->fail_launch(n, code); }
static long calls(struct control *c) { return c->calls(); }
static void live(struct control *c, size_t *allocations, size_t *bytes, size_t *host, size_t *streams, size_t *events, size_t *modules) {
	c->live(allocations, bytes, host, streams, events, modules);
}
static int take_report(struct control *c, char *text, size_t bytes) { return c->take_report(text, bytes); }
static void check_margins(struct control *c) { c->check_margins(); }
static void reset(struct control *c) { c->reset(); }
*/
import "C"

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unsafe"
)

const supported = true

type control = C.struct_control

// openControl finds the control functions of a stand-in, which the driver loads by
// the same path.
func openControl(path string) (*control, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	c := new(control)
	if failure := C.open_control(name, c); failure != nil {
		return nil, errors.New(C.GoString(failure))
	}
	return c, nil
}

// SetOrder sets the order of threads for the launches to come. Random order comes
// from the seed and the number of the launch.
func (l Library) SetOrder(o Order, seed uint64) {
	C.set_order(l.control, C.int(o), C.ulonglong(seed))
}

// SetMemory sets the memory of the device in bytes, 16 GiB if 0.
func (l Library) SetMemory(bytes int) { C.set_memory(l.control, C.size_t(bytes)) }

// SetDelay has each operation of a stream begin later by d, so that what did not wait
// for it shows.
func (l Library) SetDelay(d time.Duration) { C.set_delay(l.control, C.uint(d.Microseconds())) }

// SetOnDemand has streams run nothing before somebody waits for it: the host, or a stream
// that is waited for itself. So an operation runs before those that it should have
// waited for, and those that should have waited for it run before it as soon as
// somebody waits for them. Only waits make anything happen, not questions.
func (l Library) SetOnDemand(on bool) {
	value := C.int(0)
	if on {
		value = 1
	}
	C.set_on_demand(l.control, value)
}

// SetClock starts a clock at 0, on which copies between host and device take their
// bytes, launches their blocks at a rate a second, and all else nothing. Streams go on
// side by side, as far as their events allow. Rates of 0 stop it. No stream may be at
// work.
func (l Library) SetClock(bytes, blocks float64) {
	C.set_clock(l.control, C.double(bytes), C.double(blocks))
}

// HostTime is the time on the clock, in seconds, to which the host has waited.
func (l Library) HostTime() float64 { return float64(C.host_time(l.control)) }

// Operations returns what was copied and launched while the clock went, since the last
// time, in the order in which it was run.
func (l Library) Operations() []Operation {
	var operations []Operation
	var o C.struct_emulator_operation
	for C.take_operation(l.control, &o) != 0 {
		operations = append(operations, Operation{
			Name: C.GoString(&o.name[0]), Stream: int(o.stream), Asked: float64(o.asked), Begun: float64(o.begun), Ended: float64(o.ended),
		})
	}
	return operations
}

// FailCall has the n-th call from now of a function of the driver or of cuBLAS, or of
// any if name is empty, return a code. Names are without suffix: "cuMemAlloc". n = 0
// takes it back.
func (l Library) FailCall(name string, n, code int) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	C.fail_call(l.control, text, C.long(n), C.int(code))
}

// FailLaunch has the n-th launch from now fault with a code, such as 700, when its
// turn comes: the device is lost to the process until Reset.
func (l Library) FailLaunch(n, code int) { C.fail_launch(l.control, C.long(n), C.int(code)) }

// Calls counts the calls so far that FailCall can fail.
func (l Library) Calls() int { return int(C.calls(l.control)) }

// Live returns what is allocated on the device and not freed.
func (l Library) Live() Live {
	var allocations, bytes, host, streams, events, modules C.size_t
	C.live(l.control, &allocations, &bytes, &host, &streams, &events, &modules)
	return Live{int(allocations), int(bytes), int(host), int(streams), int(events), int(modules)}
}

// Reset makes the device usable again after a fault and takes orders of failure back.
// No stream may be at work.
func (l Library) Reset() { C.reset(l.control) }

// Reports returns the reports since the last time, oldest first.
func (l Library) Reports() []string {
	C.check_margins(l.control)
	text := make([]byte, 4096)
	var reports []string
	for C.take_report(l.control, (*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text))) != 0 {
		report := C.GoString((*C.char)(unsafe.Pointer(&text[0])))
		reports = append(reports, instruction.ReplaceAllStringFunc(report, sourceLine))
	}
	return reports
}

// instruction is how the runtime names a place in a kernel's code.
var instruction = regexp.MustCompile(`\S+\.so\+0x[0-9a-f]+`)

// sourceLine turns an instruction into file:line, if there is an addr2line.
func sourceLine(instruction string) string {
	library, offset, _ := strings.Cut(instruction, "+")
	out, err := exec.Command("addr2line", "-e", library, offset).Output()
	line := strings.TrimSpace(strings.SplitN(string(out), " (", 2)[0])
	if err != nil || strings.HasPrefix(line, "??") {
		return fmt.Sprintf("%s+%s", filepath.Base(library), offset)
	}
	return filepath.Base(line)
}
