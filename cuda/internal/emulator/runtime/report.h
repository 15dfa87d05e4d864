// Reports of what went wrong, kept until the tests ask for them.
#pragma once

#include "../include/kernel_interface.h"

#include <string>

namespace emulator {

void report(const std::string &text);

// take_report removes the oldest report; false if there is none.
bool take_report(std::string *text);

// place names a site as file:line.
std::string place(Site site);

// lanes writes a mask as a list of lanes.
std::string lanes(unsigned mask);

std::string text_of(uint3 index);

__attribute__((format(printf, 1, 2))) std::string format(const char *pattern, ...);

} // namespace emulator
