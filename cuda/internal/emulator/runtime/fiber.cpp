#include "fiber.h"

#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>

namespace emulator {

namespace {
const size_t page = 4096;
const size_t stack_bytes = 64 << 10;
} // namespace

#ifndef EMULATOR_UCONTEXT

extern "C" void emulator_switch(void **from, void *to);
__asm__(R"(
	.text
	.hidden emulator_switch
	.globl emulator_switch
	.type emulator_switch, @function
emulator_switch:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	.hidden emulator_resume
	.globl emulator_resume
emulator_resume:
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	pop %rcx
	jmp *%rcx
	.size emulator_switch, .-emulator_switch
)");

void switch_context(Context *from, Context *to) { emulator_switch(&from->stack_pointer, to->stack_pointer); }

void Stack::prepare(void (*entry)()) {
	void **top = reinterpret_cast<void **>(reinterpret_cast<uintptr_t>(base + bytes) & ~(uintptr_t)15);
	*--top = nullptr; // where entry would return to; also what aligns its frame
	*--top = reinterpret_cast<void *>(entry);
	for (int saved = 0; saved < 6; saved++) {
		*--top = nullptr;
	}
	context.stack_pointer = top;
}

#else

void switch_context(Context *from, Context *to) { swapcontext(&from->machine, &to->machine); }

void Stack::prepare(void (*entry)()) {
	getcontext(&context.machine);
	context.machine.uc_stack.ss_sp = base;
	context.machine.uc_stack.ss_size = bytes;
	context.machine.uc_link = nullptr;
	makecontext(&context.machine, entry, 0);
}

#endif

Stack *Stacks::take() {
	if (free_.empty()) {
		char *memory = static_cast<char *>(
			mmap(nullptr, page + stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
		if (memory == MAP_FAILED) {
			abort();
		}
		mprotect(memory, page, PROT_NONE);
		size_t stagger = all_.size() * 320 % page;
		Stack *stack = new Stack{memory + page, stack_bytes - stagger, {}};
		all_.push_back(stack);
		return stack;
	}
	Stack *stack = free_.back();
	free_.pop_back();
	return stack;
}

Stacks::~Stacks() {
	for (Stack *stack : all_) {
		munmap(stack->base - page, page + stack_bytes);
		delete stack;
	}
}

} // namespace emulator
