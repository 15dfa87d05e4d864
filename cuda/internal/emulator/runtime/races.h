// Races in shared memory: two threads of a block access a word, one of them writes,
// not both atomically, and nothing puts the two in an order. A barrier orders all
// threads of the block, __syncwarp the lanes of its mask. Shuffles and votes order
// nothing: CUDA promises no more.
//
// Kernels compiled with -fsanitize=thread call the functions at the end of races.cpp
// for each access.
#pragma once

#include "../include/kernel_interface.h"

#include <vector>

namespace emulator {

enum class AccessKind : uint8_t { read, write, atomic };

class Races {
public:
	// wanted reports whether kernels that tell of their accesses were loaded.
	static bool wanted();

	void begin_block(const char *static_begin, const char *static_end, const char *dynamic_begin, const char *dynamic_end, unsigned threads);
	void barrier() { epoch_++; }
	void sync_warp(unsigned warp, unsigned mask);
	void access(unsigned thread, const void *address, size_t bytes, AccessKind kind, const void *instruction);

private:
	struct Access {
		uint32_t epoch = 0; // 0: none
		uint32_t clock;
		uint16_t thread;
		uint8_t bytes; // which of the word
		AccessKind kind;
		const void *instruction;
	};
	// A word remembers its last write and the last reads of two threads, so that of any
	// thread that writes one is another.
	struct Word {
		Access write, reads[2];
	};
	struct Region {
		uintptr_t begin = 0, end = 0;
		std::vector<Word> words;
	};

	Word *find(uintptr_t address);
	void access_word(unsigned thread, uintptr_t address, const Access &now);
	bool ordered(const Access &before, unsigned thread) const;
	void report_race(const Access &before, const Access &now) const;

	Region static_, dynamic_;
	uint32_t epoch_ = 1;
	// clocks_[t] counts the synchronizations of thread t with others of its warp;
	// seen_[32*t+lane] is the count of the lane up to which t comes after it.
	std::vector<uint32_t> clocks_, seen_;
};

} // namespace emulator
