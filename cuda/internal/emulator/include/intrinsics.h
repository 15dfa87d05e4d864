// Functions that CUDA C++ has without a header: bits, arithmetic with a stated
// rounding, loads with a cache hint, and what <cmath> keeps in a namespace.
//
// Fast variants such as __expf are as exact here as the plain ones, which a GPU is
// not: tolerances that hold here are no evidence for them.
#pragma once

using std::isfinite;
using std::isinf;
using std::isnan;
using std::signbit;

// min and max of arguments of two types are those of their common type, as in CUDA.
#define EMULATOR_COMMON std::common_type_t<A, B>
template <typename A, typename B>
constexpr EMULATOR_COMMON min(A a, B b) {
	if constexpr (std::is_floating_point_v<EMULATOR_COMMON>) {
		return std::fmin(a, b);
	} else {
		return (EMULATOR_COMMON)a < (EMULATOR_COMMON)b ? a : b;
	}
}
template <typename A, typename B>
constexpr EMULATOR_COMMON max(A a, B b) {
	if constexpr (std::is_floating_point_v<EMULATOR_COMMON>) {
		return std::fmax(a, b);
	} else {
		return (EMULATOR_COMMON)a < (EMULATOR_COMMON)b ? b : a;
	}
}
#undef EMULATOR_COMMON

inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __ffsll(long long v) { return __builtin_ffsll(v); }
inline int __clz(int v) { return v == 0 ? 32 : __builtin_clz(v); }
inline int __clzll(long long v) { return v == 0 ? 64 : __builtin_clzll(v); }
inline unsigned __brev(unsigned v) {
	unsigned reversed = 0;
	for (int i = 0; i < 32; i++) {
		reversed |= (v >> i & 1) << (31 - i);
	}
	return reversed;
}
inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
	return (unsigned long long)((unsigned __int128)a * b >> 64);
}

namespace emulator {
template <typename To, typename From>
inline To reinterpret_bits(From from) {
	static_assert(sizeof(To) == sizeof(From));
	To to;
	memcpy(&to, &from, sizeof to);
	return to;
}
} // namespace emulator

inline int __float_as_int(float v) { return emulator::reinterpret_bits<int>(v); }
inline unsigned __float_as_uint(float v) { return emulator::reinterpret_bits<unsigned>(v); }
inline float __int_as_float(int v) { return emulator::reinterpret_bits<float>(v); }
inline float __uint_as_float(unsigned v) { return emulator::reinterpret_bits<float>(v); }
inline long long __double_as_longlong(double v) { return emulator::reinterpret_bits<long long>(v); }
inline double __longlong_as_double(long long v) { return emulator::reinterpret_bits<double>(v); }

// The volatile products keep the compiler from contracting them into an fma.
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) {
	volatile float product = a * b;
	return product;
}
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __frcp_rn(float v) { return 1.0f / v; }
inline float __fsqrt_rn(float v) { return sqrtf(v); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) {
	volatile double product = a * b;
	return product;
}
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double v) { return sqrt(v); }

inline float __fdividef(float a, float b) { return a / b; }
inline float __expf(float v) { return expf(v); }
inline float __logf(float v) { return logf(v); }
inline float __powf(float a, float b) { return powf(a, b); }
inline float __saturatef(float v) { return fminf(fmaxf(v, 0.0f), 1.0f); }
inline float rsqrtf(float v) { return 1.0f / sqrtf(v); }
inline double rsqrt(double v) { return 1.0 / sqrt(v); }

inline int __float2int_rn(float v) { return (int)nearbyintf(v); }
inline int __float2int_rz(float v) { return (int)v; }
inline float __int2float_rn(int v) { return (float)v; }

template <typename T>
inline T __ldg(const T *address) {
	return *address;
}
template <typename T>
inline T __ldcg(const T *address) {
	return *address;
}
template <typename T>
inline T __ldcs(const T *address) {
	return *address;
}
template <typename T>
inline void __stcg(T *address, T v) {
	*address = v;
}
template <typename T>
inline void __stcs(T *address, T v) {
	*address = v;
}

#define __trap() (emulator::trap(EMULATOR_SITE, "__trap"))
#undef assert
#define assert(condition) ((condition) ? (void)0 : emulator::trap(EMULATOR_SITE, "assert(" #condition ")"))
