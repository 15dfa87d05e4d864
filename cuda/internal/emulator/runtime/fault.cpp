#include "fault.h"

#include "device_memory.h"
#include "worker.h"

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <sys/mman.h>
#include <ucontext.h>

namespace emulator {

namespace {

const size_t signal_stack_bytes = 64 << 10;

struct sigaction before[NSIG];

// describe says what the address of a fault belongs to.
std::string describe(Worker &worker, const char *address) {
	const char *guard = worker.dynamic_end;
	if (address >= guard && address < guard + 4096) {
		return format("%zu bytes past the end of the %zu bytes of dynamic shared memory", (size_t)(address - guard),
			(size_t)(worker.dynamic_end - worker.dynamic_begin));
	}
	const char *stack = worker.current_stack()->base;
	if (address < stack && address >= stack - 4096) {
		return "the stack of the thread is full";
	}
	return describe_device_address(address);
}

#ifndef EMULATOR_UCONTEXT

// The tail of emulator_switch.
extern "C" void emulator_resume();

void leave(Worker &worker, ucontext_t *interrupted) {
	interrupted->uc_mcontext.gregs[REG_RSP] = reinterpret_cast<greg_t>(worker.where_to_leave()->stack_pointer);
	interrupted->uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(&emulator_resume);
}

#else

void leave(Worker &worker, ucontext_t *) { setcontext(&worker.where_to_leave()->machine); }

#endif

const char *kind_of_access(const ucontext_t *interrupted) {
#ifdef __x86_64__
	return (interrupted->uc_mcontext.gregs[REG_ERR] & 2) != 0 ? "write" : "read";
#else
	return "access";
#endif
}

void handle(int signal, siginfo_t *info, void *context) {
	Worker *worker = Worker::running();
	if (worker == nullptr) {
		const struct sigaction &old = before[signal];
		if ((old.sa_flags & SA_SIGINFO) != 0) {
			old.sa_sigaction(signal, info, context);
		} else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) {
			old.sa_handler(signal);
		} else {
			sigaction(signal, &old, nullptr); // and let the instruction fault again
		}
		return;
	}
	ucontext_t *interrupted = static_cast<ucontext_t *>(context);
	std::string who = worker->who();
	if (signal == SIGFPE) {
		worker->launch()->fail(launch_failed, who + ": integer division by zero, which a GPU answers with any number");
	} else {
		const char *address = static_cast<const char *>(info->si_addr);
		worker->launch()->fail(illegal_address,
			format("%s: illegal %s at %p: %s", who.c_str(), kind_of_access(interrupted), (const void *)address,
				describe(*worker, address).c_str()));
	}
	leave(*worker, interrupted);
}

} // namespace

void catch_faults() {
	static std::once_flag once;
	std::call_once(once, [] {
		struct sigaction action = {};
		action.sa_sigaction = handle;
		action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
		for (int signal : {SIGSEGV, SIGBUS, SIGFPE}) {
			sigaction(signal, &action, &before[signal]);
		}
	});
}

void use_signal_stack() {
	thread_local char *memory = nullptr;
	if (memory != nullptr) {
		return;
	}
	memory = static_cast<char *>(malloc(signal_stack_bytes)); // kept until the process ends
	stack_t stack = {};
	stack.ss_sp = memory;
	stack.ss_size = signal_stack_bytes;
	sigaltstack(&stack, nullptr);
}

} // namespace emulator
