#include "report.h"

#include <cstdarg>
#include <cstdio>
#include <deque>
#include <mutex>

namespace emulator {

namespace {
const size_t most_reports = 100; // a kernel can be wrong in every thread
std::mutex mutex;
std::deque<std::string> reports;
} // namespace

void report(const std::string &text) {
	std::lock_guard<std::mutex> lock(mutex);
	if (reports.size() < most_reports) {
		reports.push_back(text);
	}
}

bool take_report(std::string *text) {
	std::lock_guard<std::mutex> lock(mutex);
	if (reports.empty()) {
		return false;
	}
	*text = reports.front();
	reports.pop_front();
	return true;
}

std::string place(Site site) {
	const char *name = strrchr(site.file, '/');
	return format("%s:%d", name == nullptr ? site.file : name + 1, site.line);
}

std::string lanes(unsigned mask) {
	std::string list;
	for (unsigned lane = 0; lane < 32; lane++) {
		if ((mask >> lane & 1) == 0) {
			continue;
		}
		unsigned last = lane;
		while (last < 31 && (mask >> (last + 1) & 1) != 0) {
			last++;
		}
		list += list.empty() ? "" : ",";
		list += last == lane ? format("%u", lane) : format("%u-%u", lane, last);
		lane = last;
	}
	return list;
}

std::string text_of(uint3 index) { return format("(%u,%u,%u)", index.x, index.y, index.z); }

std::string format(const char *pattern, ...) {
	va_list arguments, again;
	va_start(arguments, pattern);
	va_copy(again, arguments);
	int length = vsnprintf(nullptr, 0, pattern, arguments);
	std::string text(length, 0);
	vsnprintf(text.data(), length + 1, pattern, again);
	va_end(arguments);
	va_end(again);
	return text;
}

} // namespace emulator
