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

// shared_bytes adds up the variables of a body: ".shared .align 4 .b8 name[1024];".
unsigned shared_bytes(const std::string &body) {
	unsigned sum = 0;
	for (size_t at = body.find(".shared .align"); at != std::string::npos; at = body.find(".shared .align", at + 1)) {
		size_t bracket = body.find_first_of("[;", at);
		if (bracket != std::string::npos && body[bracket] == '[') {
			sum += strtoul(body.c_str() + bracket + 1, nullptr, 10);
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
		entry.shared_bytes = shared_bytes(text.substr(body, end - body));
		(*entries)[text.substr(name, open - name)] = entry;
	}
	return true;
}

} // namespace emulator
