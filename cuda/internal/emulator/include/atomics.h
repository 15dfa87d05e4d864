// Atomic operations. Each is relaxed, as on a GPU, and told to the race report, for
// which two atomic accesses of one word are in order.
#pragma once

// The race detector of the compiler would see the plain accesses inside.
#define EMULATOR_UNCHECKED __attribute__((no_sanitize("thread")))

namespace emulator {

template <typename T, typename Change>
EMULATOR_UNCHECKED inline T change_atomically(T *address, Change change) {
	note_atomic(address, sizeof(T));
	T old, changed;
	__atomic_load(address, &old, __ATOMIC_RELAXED);
	do {
		changed = change(old);
	} while (!__atomic_compare_exchange(address, &old, &changed, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return old;
}

// identity keeps a parameter out of the deduction of T, so that atomicAdd(&long, 1) works.
template <typename T>
struct identity {
	using type = T;
};
template <typename T>
using same = typename identity<T>::type;

} // namespace emulator

#define EMULATOR_ATOMIC(name, expression)                                                   \
	template <typename T>                                                                   \
	EMULATOR_UNCHECKED inline T name(T *address, emulator::same<T> v) {                     \
		return emulator::change_atomically(address, [v](T old) -> T { return expression; }); \
	}

EMULATOR_ATOMIC(atomicAdd, old + v)
EMULATOR_ATOMIC(atomicSub, old - v)
EMULATOR_ATOMIC(atomicExch, ((void)old, v))
EMULATOR_ATOMIC(atomicMin, old < v ? old : v)
EMULATOR_ATOMIC(atomicMax, old < v ? v : old)
EMULATOR_ATOMIC(atomicAnd, old & v)
EMULATOR_ATOMIC(atomicOr, old | v)
EMULATOR_ATOMIC(atomicXor, old ^ v)
EMULATOR_ATOMIC(atomicInc, old >= v ? 0 : old + 1)
EMULATOR_ATOMIC(atomicDec, old == 0 || old > v ? v : old - 1)

#undef EMULATOR_ATOMIC

template <typename T>
EMULATOR_UNCHECKED inline T atomicCAS(T *address, emulator::same<T> expected, emulator::same<T> v) {
	return emulator::change_atomically(address, [=](T old) -> T { return old == expected ? v : old; });
}

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
