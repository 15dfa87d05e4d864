#include "races.h"

#include "report.h"
#include "worker.h"

#include <algorithm>
#include <atomic>
#include <dlfcn.h>
#include <mutex>
#include <set>

namespace emulator {

namespace {

std::atomic<bool> wanted_reports{false};

// place_of names an instruction as library+offset, which addr2line turns into a line.
std::string place_of(const void *instruction) {
	Dl_info library;
	if (dladdr(instruction, &library) == 0) {
		return "an unknown place";
	}
	// The call returns to the instruction after.
	size_t offset = (const char *)instruction - (const char *)library.dli_fbase - 1;
	return format("%s+0x%zx", library.dli_fname, offset);
}

const char *verb(AccessKind kind) {
	switch (kind) {
	case AccessKind::read:
		return "reads";
	case AccessKind::write:
		return "writes";
	default:
		return "changes atomically";
	}
}

} // namespace

bool Races::wanted() { return wanted_reports; }

void Races::begin_block(const char *static_begin, const char *static_end, const char *dynamic_begin, const char *dynamic_end, unsigned threads) {
	auto set = [](Region *region, const char *begin, const char *end) {
		region->begin = reinterpret_cast<uintptr_t>(begin);
		region->end = reinterpret_cast<uintptr_t>(end);
		size_t words = (region->end - region->begin) / 4 + 2;
		if (region->words.size() < words) {
			region->words.resize(words);
		}
	};
	set(&static_, static_begin, static_end);
	set(&dynamic_, dynamic_begin, dynamic_end);
	epoch_++;
	clocks_.assign(threads, 1);
	seen_.assign(32 * (size_t)threads, 0);
}

void Races::sync_warp(unsigned warp, unsigned mask) {
	uint32_t joined[32] = {};
	for (unsigned left = mask; left != 0; left &= left - 1) {
		unsigned lane = __builtin_ctz(left), thread = 32 * warp + lane;
		for (unsigned other = 0; other < 32; other++) {
			joined[other] = std::max(joined[other], seen_[32 * thread + other]);
		}
		joined[lane] = std::max(joined[lane], clocks_[thread]);
	}
	for (unsigned left = mask; left != 0; left &= left - 1) {
		unsigned thread = 32 * warp + __builtin_ctz(left);
		std::copy(joined, joined + 32, &seen_[32 * thread]);
		clocks_[thread]++;
	}
}

void Races::access(unsigned thread, const void *pointer, size_t bytes, AccessKind kind, const void *instruction) {
	uintptr_t address = reinterpret_cast<uintptr_t>(pointer), end = address + bytes;
	bool shared = (address >= static_.begin && address < static_.end) || (address >= dynamic_.begin && address < dynamic_.end);
	if (!shared) {
		return;
	}
	Access now;
	now.epoch = epoch_;
	now.clock = clocks_[thread];
	now.thread = thread;
	now.kind = kind;
	now.instruction = instruction;
	for (uintptr_t word = address & ~(uintptr_t)3; word < end; word += 4) {
		unsigned first = word < address ? address - word : 0, last = end < word + 4 ? end - word : 4;
		now.bytes = ((1 << last) - 1) & ~((1 << first) - 1);
		access_word(thread, word, now);
	}
}

Races::Word *Races::find(uintptr_t address) {
	for (Region *region : {&static_, &dynamic_}) {
		if (address + 4 > region->begin && address < region->end) {
			return &region->words[(address - (region->begin & ~(uintptr_t)3)) / 4];
		}
	}
	return nullptr;
}

void Races::access_word(unsigned thread, uintptr_t address, const Access &now) {
	Word *word = find(address);
	if (word == nullptr) {
		return;
	}
	auto check = [&](const Access &before) {
		bool both_atomic = before.kind == AccessKind::atomic && now.kind == AccessKind::atomic;
		if (before.epoch == epoch_ && before.thread != thread && (before.bytes & now.bytes) != 0 && !both_atomic && !ordered(before, thread)) {
			report_race(before, now);
		}
	};
	check(word->write);
	if (now.kind == AccessKind::read) {
		bool first_is_mine = word->reads[0].epoch != epoch_ || word->reads[0].thread == thread;
		word->reads[first_is_mine ? 0 : 1] = now;
		return;
	}
	check(word->reads[0]);
	check(word->reads[1]);
	word->write = now;
}

bool Races::ordered(const Access &before, unsigned thread) const {
	return before.thread / 32 == thread / 32 && seen_[32 * (size_t)thread + before.thread % 32] >= before.clock;
}

void Races::report_race(const Access &before, const Access &now) const {
	static std::mutex mutex;
	static std::set<std::pair<const void *, const void *>> known;
	{
		std::lock_guard<std::mutex> lock(mutex);
		if (!known.insert(std::minmax(before.instruction, now.instruction)).second) {
			return; // one report for each pair of instructions
		}
	}
	report(format("race in shared memory: thread %u %s at %s what thread %u %s at %s, without a barrier between; %s", now.thread, verb(now.kind),
		place_of(now.instruction).c_str(), before.thread, verb(before.kind), place_of(before.instruction).c_str(),
		Worker::running()->who().c_str()));
}

void note_atomic(const void *address, size_t bytes) {
	if (Races::wanted()) {
		Worker::running()->access(address, bytes, AccessKind::atomic, __builtin_return_address(0));
	}
}

} // namespace emulator

// The compiler calls these in place of its own library's.

using emulator::AccessKind;
using emulator::Worker;

#define HOOK extern "C" void

#define ACCESS_HOOKS(bytes)                                                                                       \
	HOOK __tsan_read##bytes(void *address) {                                                                      \
		Worker::running()->access(address, bytes, AccessKind::read, __builtin_return_address(0));                 \
	}                                                                                                             \
	HOOK __tsan_write##bytes(void *address) {                                                                     \
		Worker::running()->access(address, bytes, AccessKind::write, __builtin_return_address(0));                \
	}                                                                                                             \
	HOOK __tsan_unaligned_read##bytes(void *address) {                                                            \
		Worker::running()->access(address, bytes, AccessKind::read, __builtin_return_address(0));                 \
	}                                                                                                             \
	HOOK __tsan_unaligned_write##bytes(void *address) {                                                           \
		Worker::running()->access(address, bytes, AccessKind::write, __builtin_return_address(0));                \
	}

ACCESS_HOOKS(1)
ACCESS_HOOKS(2)
ACCESS_HOOKS(4)
ACCESS_HOOKS(8)
ACCESS_HOOKS(16)

HOOK __tsan_read_range(void *address, size_t bytes) {
	Worker::running()->access(address, bytes, AccessKind::read, __builtin_return_address(0));
}

HOOK __tsan_write_range(void *address, size_t bytes) {
	Worker::running()->access(address, bytes, AccessKind::write, __builtin_return_address(0));
}

// __tsan_init is called when a library is loaded.
HOOK __tsan_init() { emulator::wanted_reports = true; }

HOOK __tsan_func_entry(void *) {}
HOOK __tsan_func_exit() {}
HOOK __tsan_atomic_thread_fence(int) {}
