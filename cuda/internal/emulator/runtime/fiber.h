// Fibers: stacks of their own on one thread of the host, switched by hand. On amd64
// a switch saves the six registers that a function has to keep; elsewhere ucontext
// serves, which is slower by two system calls.
#pragma once

#include <cstddef>
#include <vector>

#ifndef __x86_64__
#define EMULATOR_UCONTEXT
#endif

#ifdef EMULATOR_UCONTEXT
#include <ucontext.h>
#endif

namespace emulator {

struct Context {
#ifndef EMULATOR_UCONTEXT
	void *stack_pointer = nullptr;
#else
	ucontext_t machine;
#endif
};

// switch_context saves where the caller is and goes on at another place.
void switch_context(Context *from, Context *to);

// A Stack has an unreadable page below it, and starts a little lower than the stack
// before it, since stacks at a regular distance would fight for the same cache lines.
struct Stack {
	char *base;
	size_t bytes;
	Context context;

	// prepare has the next switch to context call entry, which never returns.
	void prepare(void (*entry)());
};

// Stacks keeps the stacks of one thread of the host for the next block.
class Stacks {
public:
	~Stacks();
	Stack *take();
	void give(Stack *stack) { free_.push_back(stack); }
	// reclaim takes back all stacks, also of fibers that a fault has cut off.
	void reclaim() { free_ = all_; }

private:
	std::vector<Stack *> all_, free_;
};

} // namespace emulator
