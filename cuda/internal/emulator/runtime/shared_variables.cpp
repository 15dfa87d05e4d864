#include "shared_variables.h"

#include <cstdlib>
#include <link.h>
#include <unordered_map>

namespace emulator {

namespace {

struct Search {
	char *variable;
	SharedVariables found;
};

int look_at(dl_phdr_info *library, size_t, void *data) {
	Search *search = static_cast<Search *>(data);
	char *begin = static_cast<char *>(library->dlpi_tls_data);
	if (begin == nullptr) {
		return 0;
	}
	for (int i = 0; i < library->dlpi_phnum; i++) {
		size_t bytes = library->dlpi_phdr[i].p_memsz;
		if (library->dlpi_phdr[i].p_type == PT_TLS && search->variable >= begin && search->variable < begin + bytes) {
			search->found = {begin, begin + bytes};
			return 1;
		}
	}
	return 0;
}

} // namespace

SharedVariables shared_variables(void *(*any)()) {
	thread_local std::unordered_map<void *(*)(), SharedVariables> known;
	auto place = known.find(any);
	if (place != known.end()) {
		return place->second;
	}
	Search search = {};
	if (any != nullptr) {
		search.variable = static_cast<char *>(any());
		if (dl_iterate_phdr(look_at, &search) == 0) {
			abort();
		}
	}
	known[any] = search.found;
	return search.found;
}

} // namespace emulator
