// How tests steer the stand-in for the driver. All functions are safe to call from any
// thread; Go reaches them by dlsym.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// order is 0 forward, 1 reverse, 2 random from the seed.
void emulator_set_order(int order, unsigned long long seed);
// emulator_set_memory sets the memory of the device in bytes; 0: as at the start.
void emulator_set_memory(size_t bytes);
// emulator_set_delay has every operation of a stream wait that long.
void emulator_set_delay(unsigned microseconds);
// emulator_set_on_demand has streams run nothing before somebody waits for it.
void emulator_set_on_demand(int on);
// emulator_set_clock starts a clock at 0, on which copies between host and device and
// launches take time at these rates; 0 and 0 stop it. No stream may be at work.
void emulator_set_clock(double bytes_per_second, double blocks_per_second);
// emulator_host_time is the time on the clock to which the host has waited.
double emulator_host_time(void);
// emulator_take_operation copies the copy or launch that was noted first while the clock
// went, and removes it; 0 if there is none.
struct emulator_operation {
	char name[64];              // of the kernel, or of the driver's function
	int stream;                 // a number of its own
	double asked, begun, ended; // on the clock; asked is when the host asked for it
};
int emulator_take_operation(struct emulator_operation *operation);
// emulator_fail_call has the n-th call from now of a function, or of any if name is
// empty, return the code; n counts from 1, and 0 takes the order back.
void emulator_fail_call(const char *name, long n, int code);
// emulator_fail_launch has the n-th launch from now fault with the code.
void emulator_fail_launch(long n, int code);
// emulator_calls counts the calls so far that emulator_fail_call can fail.
long emulator_calls(void);
// emulator_live returns what is allocated.
void emulator_live(size_t *allocations, size_t *bytes, size_t *host_allocations, size_t *streams, size_t *events, size_t *modules);
// emulator_take_report copies the oldest report and removes it; 0 if there is none.
int emulator_take_report(char *text, size_t bytes);
// emulator_check_margins reports writes beside allocations that no fault has caught.
void emulator_check_margins(void);
// emulator_reset makes the device usable again after a fault, and takes all orders of
// failure back. No stream may be at work.
void emulator_reset(void);

#ifdef __cplusplus
}
#endif
