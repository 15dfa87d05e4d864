// The vector types of CUDA, with its alignment: 8 and 16 bytes where the size is a
// power of two.
#pragma once

#define EMULATOR_VECTORS(element, name)                                                          \
	struct alignas(2 * sizeof(element)) name##2 {                                                \
		element x, y;                                                                            \
	};                                                                                           \
	struct name##3 {                                                                             \
		element x, y, z;                                                                         \
	};                                                                                           \
	struct alignas(4 * sizeof(element) < 16 ? 4 * sizeof(element) : 16) name##4 {                \
		element x, y, z, w;                                                                      \
	};                                                                                           \
	inline name##2 make_##name##2(element x, element y) { return {x, y}; }                       \
	inline name##3 make_##name##3(element x, element y, element z) { return {x, y, z}; }         \
	inline name##4 make_##name##4(element x, element y, element z, element w) { return {x, y, z, w}; }

EMULATOR_VECTORS(float, float)
EMULATOR_VECTORS(double, double)
EMULATOR_VECTORS(int, int)
EMULATOR_VECTORS(long long, longlong)
EMULATOR_VECTORS(unsigned long long, ulonglong)
EMULATOR_VECTORS(unsigned char, uchar)

#undef EMULATOR_VECTORS

// uint3 exists already: it is the type of threadIdx.
struct alignas(8) uint2 {
	unsigned x, y;
};
struct alignas(16) uint4 {
	unsigned x, y, z, w;
};
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
