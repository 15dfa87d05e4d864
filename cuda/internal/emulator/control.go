//go:build linux && cgo

package emulator

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include "include/control.h"

static struct {
	void (*set_order)(int, unsigned long long);
	void (*set_memory)(size_t);
	void (*set_delay)(unsigned);
	void (*fail_call)(const char *, long, int);
	void (*fail_launch)(long, int);
	long (*calls)(void);
	void (*live)(size_t *, size_t *, size_t *, size_t *, size_t *, size_t *);
	int (*take_report)(char *, size_t);
	void (*check_margins)(void);
	void (*reset)(void);
} control;

#define FIND(name) \
	if ((*(void **)&control.name = dlsym(library, "emulator_" #name)) == NULL) { \
		return dlerror(); \
	}

static const char *open_control(const char *path) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		return dlerror();
	}
	FIND(set_order) FIND(set_memory) FIND(set_delay) FIND(fail_call) FIND(fail_launch)
	FIND(calls) FIND(live) FIND(take_report) FIND(check_margins) FIND(reset)
	return NULL;
}

static void set_order(int order, unsigned long long seed) { control.set_order(order, seed); }
static void set_memory(size_t bytes) { control.set_memory(bytes); }
static void set_delay(unsigned microseconds) { control.set_delay(microseconds); }
static void fail_call(const char *name, long n, int code) { control.fail_call(name, n, code); }
static void fail_launch(long n, int code) { control.fail_launch(n, code); }
static long calls(void) { return control.calls(); }
static void live(size_t *a, size_t *b, size_t *h, size_t *s, size_t *e, size_t *m) { control.live(a, b, h, s, e, m); }
static int take_report(char *text, size_t bytes) { return control.take_report(text, bytes); }
static void check_margins(void) { control.check_margins(); }
static void reset(void) { control.reset(); }
*/
import "C"

import (
	"errors"
	"time"
	"unsafe"
)

const supported = true

// openControl finds the control functions of a stand-in, which the driver loads by
// the same path.
func openControl(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if failure := C.open_control(name); failure != nil {
		return errors.New(C.GoString(failure))
	}
	return nil
}

// SetOrder sets the order of threads for the launches to come. Random order comes
// from the seed and the number of the launch.
func (Library) SetOrder(o Order, seed uint64) { C.set_order(C.int(o), C.ulonglong(seed)) }

// SetMemory sets the memory of the device in bytes, 16 GiB if 0.
func (Library) SetMemory(bytes int) { C.set_memory(C.size_t(bytes)) }

// SetDelay has each operation of a stream begin later by d, so that what did not wait
// for it shows.
func (Library) SetDelay(d time.Duration) { C.set_delay(C.uint(d.Microseconds())) }

// FailCall has the n-th call from now of a function of the driver or of cuBLAS, or of
// any if name is empty, return a code. Names are without suffix: "cuMemAlloc". n = 0
// takes it back.
func (Library) FailCall(name string, n, code int) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	C.fail_call(text, C.long(n), C.int(code))
}

// FailLaunch has the n-th launch from now fault with a code, such as 700, when its
// turn comes: the device is lost to the process until Reset.
func (Library) FailLaunch(n, code int) { C.fail_launch(C.long(n), C.int(code)) }

// Calls counts the calls so far that FailCall can fail.
func (Library) Calls() int { return int(C.calls()) }

// Live returns what is allocated on the device and not freed.
func (Library) Live() Live {
	var allocations, bytes, host, streams, events, modules C.size_t
	C.live(&allocations, &bytes, &host, &streams, &events, &modules)
	return Live{int(allocations), int(bytes), int(host), int(streams), int(events), int(modules)}
}

// Reset makes the device usable again after a fault and takes orders of failure back.
// No stream may be at work.
func (Library) Reset() { C.reset() }

// Reports returns the reports since the last time, oldest first.
func (Library) Reports() []string {
	C.check_margins()
	text := make([]byte, 4096)
	var reports []string
	for C.take_report((*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text))) != 0 {
		reports = append(reports, C.GoString((*C.char)(unsafe.Pointer(&text[0]))))
	}
	return reports
}
