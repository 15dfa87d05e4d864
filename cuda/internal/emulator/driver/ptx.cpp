#include "ptx.h"

#include <cstdlib>
#include <cstring>

namespace emulator {

namespace {

size_t count(const std::string &text, const char *word) {
	size_t n = 0;
	for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
		n++;
	}
	return n;
}

unsigned number_after(const std::string &text, const char *word) {
	size_t at = text.find(word);
	return at == std::string::npos ? 0 : strtoul(text.c_str() + at + strlen(word), nullptr, 10);
}

// shared_bytes adds up the static shared variables of a kernel: those of its body,
// ".shared .align 4 .b8 name[1024];", and those of the module that its body names.
unsigned shared_bytes(const std::string &text, size_t body, size_t end) {
	unsigned sum = 0;
	const std::string word = ".shared .align ";
	for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
		size_t stop = text.find_first_of("[;", at);
		bool is_array = stop != std::string::npos && text[stop] == '[' && text.compare(at - 8, 8, ".extern ") != 0;
		if (!is_array) {
			continue;
		}
		size_t name = text.rfind(' ', stop) + 1;
		size_t use = text.find(text.substr(name, stop - name), body);
		if ((at > body && at < end) || use < end) {
			sum += strtoul(text.c_str() + stop + 1, nullptr, 10);
		}
	}
	return sum;
}

} // namespace

bool parse_ptx(const char *image, std::map<std::string, Entry> *entries) {
	std::string text = image;
	if (text.find(".version") == std::string::npos || text.find(".target") == std::string::npos) {
		return false;
	}
	const std::string word = ".entry ";
	for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
		size_t name = at + word.size(), open = text.find('(', name), close = text.find(')', name);
		if (open == std::string::npos || close == std::string::npos) {
			return false;
		}
		size_t body = text.find('{', close), end = text.find("\n}", close);
		if (body == std::string::npos || end == std::string::npos) {
			return false;
		}
		Entry entry;
		entry.parameters = count(text.substr(open, close - open), ".param");
		entry.most_threads = number_after(text.substr(close, body - close), ".maxntid ");
		entry.shared_bytes = shared_bytes(text, body, end);
		(*entries)[text.substr(name, open - name)] = entry;
	}
	return true;
}

} // namespace emulator
