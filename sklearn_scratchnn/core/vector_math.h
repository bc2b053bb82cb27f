/* exp, expm1, tanh and log1p for whole arrays, in float (_f) and in double (_d).
 *
 * The C library's functions are called for one number at a time, and their last bits
 * differ from one system to another. Each function here is one straight line of
 * arithmetic, so that a compiler vectorises a loop over it, and every machine gets the
 * same bits from it. Errors are below 2 units in the last place.
 *
 * Compile with contraction off (-ffp-contract=off, /fp:precise), without -ffast-math:
 * sums must be rounded in the order in which they are written. GCC vectorises under
 * -O3 -fno-math-errno -fno-trapping-math. Rounding must be to nearest.
 *
 * The polynomials are minimax ones. Remez's algorithm found them in 60 digits (mpmath),
 * and each coefficient was then rounded. Each says what it stands for, on which
 * interval, and the weight of its error.
 */
#ifndef SCRATCHNN_VECTOR_MATH_H
#define SCRATCHNN_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* A number's bits and back. memcpy is what C allows; no copy is left in the code. */

static inline uint32_t bits_f(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline uint64_t bits_d(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float from_bits_f(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline double from_bits_d(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^(field - 127): a float's exponent is stored with 127 added. Higher bits go. */
static inline float power_of_two_f(uint32_t field)
{
    return from_bits_f(field << 23);
}

/* 2^(field - 1023), likewise. */
static inline double power_of_two_d(uint64_t field)
{
    return from_bits_d(field << 52);
}

/* x >= 0 with the sign of sign. */
static inline float signed_f(float x, float sign)
{
    return from_bits_f(bits_f(x) | (bits_f(sign) & UINT32_C(0x80000000)));
}

static inline double signed_d(double x, double sign)
{
    return from_bits_d(bits_d(x) | (bits_d(sign) & UINT64_C(0x8000000000000000)));
}

/* x = n log(2) + high - low, with |high - low| <= log(2) / 2, and n = 0 for small x. */
typedef struct {
    float high, low;
    uint32_t power; /* n + 254 in the lowest nine bits */
} reduced_f;

typedef struct {
    double high, low;
    uint64_t power; /* n + 2046 in the lowest twelve bits */
} reduced_d;

/* Two steps with log(2) in two parts, of which the first has so few bits that its
 * product with n is exact (Cody and Waite, Software Manual for the Elementary
 * Functions, 1980, ch. 6). Adding 1.5 * 2^23 (2^52) leaves no bits for a fraction, so
 * that the sum is rounded to an integer and shows it in its lowest bits (Hecker, Let's
 * Get to the Floating Point, Game Developer, 1996). So no NaN or huge number is
 * converted to an integer type. 254 (2046), twice the exponent's bias, makes n
 * positive. */
static inline reduced_f reduce_f(float x)
{
    const float shift = 12582912.0f + 254.0f;
    const float shifted = x * 1.44269502f + shift;
    const float n = shifted - shift;
    reduced_f reduced;

    reduced.high = x - n * 0x1.62e4p-1f;
    reduced.low = n * 0x1.7f7d1cp-20f;
    reduced.power = bits_f(shifted);
    return reduced;
}

static inline reduced_d reduce_d(double x)
{
    const double shift = 6755399441055744.0 + 2046.0;
    const double shifted = x * 1.4426950408889634 + shift;
    const double n = shifted - shift;
    reduced_d reduced;

    reduced.high = x - n * 0x1.62e42fefa3p-1;
    reduced.low = n * 0x1.3de6af278ece6p-42;
    reduced.power = bits_d(shifted);
    return reduced;
}

/* e^r - 1 - r for |r| <= log(2) / 2. The polynomial is (e^r - 1 - r) / r^2, with weight
 * |r|. */
static inline float exp_rest_f(float r)
{
    float p = 0.0013946439139544964f;

    p = p * r + 0.008366578258574009f;
    p = p * r + 0.04166628047823906f;
    p = p * r + 0.1666654348373413f;
    p = p * r + 0.5f;
    return p * (r * r);
}

static inline double exp_rest_d(double r)
{
    double p = 2.51144369591592e-08;

    p = p * r + 2.762630916669897e-07;
    p = p * r + 2.755722806364552e-06;
    p = p * r + 2.480150448946176e-05;
    p = p * r + 0.0001984126990291315;
    p = p * r + 0.0013888888932342303;
    p = p * r + 0.008333333333314643;
    p = p * r + 0.04166666666657374;
    p = p * r + 0.16666666666666685;
    p = p * r + 0.5000000000000006;
    return p * (r * r);
}

/* e^x = 2^n e^r. Both bounds are beyond those where the result is 0 or infinity; a NaN
 * passes them. 2^n is two factors, for 2^n alone may be no number where e^x is one: the
 * first product is exact, and the second rounds once, to a denormal number too. */
static inline float exp_f(float x)
{
    const float above = x < -104.0f ? -104.0f : x;
    const reduced_f reduced = reduce_f(above > 89.0f ? 89.0f : above);
    const float r = reduced.high - reduced.low;
    const uint32_t half = reduced.power >> 1;
    const float e = 1.0f + (r + exp_rest_f(r));

    return e * power_of_two_f(half) * power_of_two_f(reduced.power - half);
}

static inline double exp_d(double x)
{
    const double above = x < -746.0 ? -746.0 : x;
    const reduced_d reduced = reduce_d(above > 710.0 ? 710.0 : above);
    const double r = reduced.high - reduced.low;
    const uint64_t half = reduced.power >> 1;
    const double e = 1.0 + (r + exp_rest_d(r));

    return e * power_of_two_d(half) * power_of_two_d(reduced.power - half);
}

/* e^x - 1 = 2^n (r - tail + rest) + (2^n - 1), where tail is what rounding r added
 * (kept as in fdlibm, Sun, 1993, s_expm1.c, method 1). The large terms are added first:
 * for n = 0 they are r, and for the n near 0, where they cancel, their sum is all but
 * exact.
 *
 * 2^n is two factors, a and b, as in exp. The sum is b (a r - (1 / b - a) - a (tail -
 * rest)). It is all differences, for -0.0 - 0.0 is -0.0, and -0.0 + 0.0 is not. */
static inline float expm1_f(float x)
{
    const float above = x < -18.0f ? -18.0f : x;
    const reduced_f reduced = reduce_f(above > 89.0f ? 89.0f : above);
    const float r = reduced.high - reduced.low;
    const float tail = reduced.low - (reduced.high - r);
    const uint32_t half = reduced.power >> 1;
    const uint32_t other = reduced.power - half;
    const float a = power_of_two_f(half);
    const float one = power_of_two_f(254 - other);
    const float sum = (a * r - (one - a)) - a * (tail - exp_rest_f(r));

    return sum * power_of_two_f(other);
}

static inline double expm1_d(double x)
{
    const double above = x < -40.0 ? -40.0 : x;
    const reduced_d reduced = reduce_d(above > 710.0 ? 710.0 : above);
    const double r = reduced.high - reduced.low;
    const double tail = reduced.low - (reduced.high - r);
    const uint64_t half = reduced.power >> 1;
    const uint64_t other = reduced.power - half;
    const double a = power_of_two_d(half);
    const double one = power_of_two_d(2046 - other);
    const double sum = (a * r - (one - a)) - a * (tail - exp_rest_d(r));

    return sum * power_of_two_d(other);
}

/* Below 0.55, a polynomial: (1 - tanh(y) / y) / y^2 in z = y^2, weight z. Above, where
 * tanh(y) > 1/2, 1 - 2 / (e^2y + 1): what is taken from 1 is below 1/2, and its error
 * counts half (the split of Cody and Waite, 1980, ch. 13). From 10 (20) on, it is 1. */
static inline float tanh_f(float x)
{
    const float y = from_bits_f(bits_f(x) & UINT32_C(0x7fffffff));
    const reduced_f reduced = reduce_f(y > 10.0f ? 20.0f : y + y);
    const float r = reduced.high - reduced.low;
    const float e = 1.0f + (r + exp_rest_f(r));
    const float scale = power_of_two_f(reduced.power - 127);
    const float large = 1.0f - 2.0f / (e * scale + 1.0f);
    const float z = y * y;
    float p = 0.006282981019467115f;

    p = p * z - 0.02107815630733967f;
    p = p * z + 0.05385396629571915f;
    p = p * z - 0.13332602381706238f;
    p = p * z + 0.33333319425582886f;
    return signed_f(y < 0.55f ? y - y * (z * p) : large, x);
}

static inline double tanh_d(double x)
{
    const double y = from_bits_d(bits_d(x) & UINT64_C(0x7fffffffffffffff));
    const reduced_d reduced = reduce_d(y > 20.0 ? 40.0 : y + y);
    const double r = reduced.high - reduced.low;
    const double e = 1.0 + (r + exp_rest_d(r));
    const double scale = power_of_two_d(reduced.power - 1023);
    const double large = 1.0 - 2.0 / (e * scale + 1.0);
    const double z = y * y;
    double p = -5.109943018697715e-05;

    p = p * z + 0.00021042017283336758;
    p = p * z - 0.0005792126026236021;
    p = p * z + 0.0014532435940873933;
    p = p * z - 0.0035917254485260965;
    p = p * z + 0.008863195265173972;
    p = p * z - 0.021869486035865214;
    p = p * z + 0.05396825387886807;
    p = p * z - 0.13333333333175024;
    p = p * z + 0.33333333333332366;
    return signed_d(y < 0.55 ? y - y * (z * p) : large, x);
}

/* log(1 + x) = k log(2) + log(1 + f), with 1 + f = (1 + x) / 2^k in [3/4, 3/2).
 *
 * 1 + x is rounded, and only its exponent is used. f is the difference of the exact
 * x / 2^k and 1 - 1 / 2^k. For k = 0 it is x. Else, from 3/4 to 3/2, the two lie within
 * a factor of two of each other, so that it is exact too (Sterbenz, Floating-Point
 * Computation, 1974, theorem 4.3.1). scale is 4 / 2^k, for 1 / 2^k may be denormal.
 *
 * k is read off the bits as k + 128 (1024), and is made a number by writing that into
 * the lowest bits of 2^23 (2^52). log(2) is in two parts, as for exp. Subtracting -k,
 * and not adding k, keeps -0.0, as above. */

/* The polynomial is (log(1 + f) - f + f^2 / 2) / f^3 on [-1/4, 1/2], weight f^2. */
static inline float log1p_f(float x)
{
    const uint32_t k_bits = (bits_f(1.0f + x) + UINT32_C(0x00c00000)) >> 23;
    const float minus_k =
        (8388608.0f + 128.0f) - from_bits_f(UINT32_C(0x4b000000) | k_bits);
    const float scale = power_of_two_f(257 - k_bits);
    const float f = 0.25f * (scale * x - (4.0f - scale));
    float p = -0.04618201404809952f;
    float y;

    p = p * f + 0.10583654046058655f;
    p = p * f - 0.13186444342136383f;
    p = p * f + 0.14467385411262512f;
    p = p * f - 0.16643762588500977f;
    p = p * f + 0.1999111771583557f;
    p = p * f - 0.2500019371509552f;
    p = p * f + 0.33333447575569153f;
    y = (f * f) * (0.5f - f * p) + minus_k * 0x1.7f7d1cp-20f;
    y = (f - y) - minus_k * 0x1.62e4p-1f;
    y = x < INFINITY ? y : x;
    return x > -1.0f ? y : (x == -1.0f ? -INFINITY : NAN);
}

/* With s = f / (2 + f), log(1 + f) = 2 atanh(s), a series in s^2 of half the terms. It
 * is 2 s + s z p = f - (f^2 / 2 - s (f^2 / 2 + z p)), so that the exact f is the
 * largest term (fdlibm, Sun, 1993, e_log.c, method 2). The polynomial is
 * (2 atanh(s) / s - 2) / s^2 in z = s^2 on [0, 0.04], weight z. */
static inline double log1p_d(double x)
{
    const uint64_t k_bits = (bits_d(1.0 + x) + UINT64_C(0x0018000000000000)) >> 52;
    const double minus_k = (4503599627370496.0 + 1024.0)
        - from_bits_d(UINT64_C(0x4330000000000000) | k_bits);
    const double scale = power_of_two_d(2049 - k_bits);
    const double f = 0.25 * (scale * x - (4.0 - scale));
    const double s = f / (2.0 + f);
    const double z = s * s;
    const double square = 0.5 * f * f;
    double p = 0.15364023490974926;
    double y;

    p = p * z + 0.15250795028642017;
    p = p * z + 0.18186321144723425;
    p = p * z + 0.22222139508004346;
    p = p * z + 0.28571429380246494;
    p = p * z + 0.3999999999626941;
    p = p * z + 0.6666666666667244;
    y = square - (s * (square + z * p) - minus_k * 0x1.3de6af278ece6p-42);
    y = (f - y) - minus_k * 0x1.62e42fefa3p-1;
    y = x < (double)INFINITY ? y : x;
    return x > -1.0 ? y : (x == -1.0 ? -(double)INFINITY : (double)NAN);
}

#endif
