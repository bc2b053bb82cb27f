/* Both number types of the passes, and the choice between them. */

#include "core.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "vector_math.h"

/* Loops over arrays are compiled for several generations of processors, and the one for
   the machine at hand is taken when the module is loaded. The widest registers repay
   what they cost where there is much to compute for each number. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && \
    defined(__GLIBC__) && !defined(SCRATCHNN_NO_CLONES)
#define KERNEL __attribute__((target_clones("avx2", "default")))
#define VECTOR_KERNEL __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define KERNEL
#define VECTOR_KERNEL
#endif

#if defined(_MSC_VER)
#define restrict __restrict
#endif

#define JOIN_(name, suffix) name##_##suffix
#define JOIN(name, suffix) JOIN_(name, suffix)
#define NAME(name) JOIN(name, SUFFIX)

#define STRIP 2048       /* numbers */
#define TILE_BYTES 16384 /* half of a core's first-level cache */

#define root_f sqrtf
#define root_d sqrt

#define REAL float
#define SUFFIX f
#define REAL_EPSILON FLT_EPSILON
#define REAL_TINY FLT_MIN
#define REAL_MEAN mean_of_float
#define REAL_INVERSE inverse_of_float
#include "activations.h"
#include "losses.h"
#include "optimizers.h"
#include "rows.h"
#include "passes.h"
#undef REAL
#undef SUFFIX
#undef REAL_EPSILON
#undef REAL_TINY
#undef REAL_MEAN
#undef REAL_INVERSE

#define REAL double
#define SUFFIX d
#define REAL_EPSILON DBL_EPSILON
#define REAL_TINY DBL_MIN
#define REAL_MEAN mean
#define REAL_INVERSE inverse
#include "activations.h"
#include "losses.h"
#include "optimizers.h"
#include "rows.h"
#include "passes.h"

#define ALIGNMENT 64 /* a line of the cache, and the widest register */

/* Return room for `n` items, and count it. */
static void *reserve(char *arena, size_t *used, ptrdiff_t n, size_t item)
{
    void *at = arena ? arena + *used : NULL;
    *used += ((size_t)n * item + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return at;
}

size_t scratchnn_place(pass *p, char *arena, int backward, int curvature)
{
    const row_source *s = &p->source;
    const size_t item = p->wide ? sizeof(double) : sizeof(float);
    const int32_t last = p->n_layers - 1;
    const ptrdiff_t B = p->block_rows, rows = p->keeps_rows ? p->n_rows : B;
    const ptrdiff_t K = p->layers[last].fan_out, H = p->layers->fan_out;
    ptrdiff_t widest = 0;
    size_t used = 0;
    for (int32_t i = 0; i <= last; i++) {
        layer *l = p->layers + i;
        const ptrdiff_t n = B * l->fan_out;
        const int gated = l->activation == GELU || l->activation == SILU;
        widest = l->fan_out > widest ? l->fan_out : widest;
        l->a = reserve(arena, &used, n, item);
        l->sum = reserve(arena, &used, l->fan_out, item);
        if (i == last || backward)
            l->delta = reserve(arena, &used, n, item);
        if (i < last && gated)
            l->slope = reserve(arena, &used, n, item);
        if (i < last && p->bits) {
            l->mask = reserve(arena, &used, n, item);
            l->kept = reserve(arena, &used, n, item);
        }
    }
    if (p->bits)
        p->draws = reserve(arena, &used, B * widest + 3, sizeof(uint16_t));
    p->inputs = NULL;
    if (!p->reads_in_place && s->n_numbers)
        p->inputs = reserve(arena, &used, rows * s->n_numbers, item);
    p->indices = reserve(arena, &used, rows * s->n_index, sizeof(int32_t));
    p->fractions = reserve(arena, &used, rows * s->n_binned, item);
    p->all_Y = reserve(arena, &used, rows * K, item);
    p->all_w = reserve(arena, &used, rows, item);
    p->row = reserve(arena, &used, 2 * B, item);
    p->sums = reserve(arena, &used, p->n_sums * H, item);
    p->sums_gradient = reserve(arena, &used, backward ? p->n_sums * H : 0, item);
    p->sums_of_block = p->sums_gradient;
    if (backward && B < p->n_rows)
        p->sums_of_block = reserve(arena, &used, p->n_sums * H, item);
    p->shift = reserve(arena, &used, H, item);
    if (curvature) {
        p->row_gradients = reserve(arena, &used, B * p->n_parameters, item);
        p->probabilities = reserve(arena, &used, B * K, item);
    }
    return used;
}

double scratchnn_value_and_gradient(pass *p, ptrdiff_t start, ptrdiff_t stop)
{
    return p->wide ? value_and_gradient_d(p, start, stop)
                   : value_and_gradient_f(p, start, stop);
}

double scratchnn_value(pass *p, ptrdiff_t start, ptrdiff_t stop)
{
    return p->wide ? value_d(p, start, stop) : value_f(p, start, stop);
}

int scratchnn_outputs(pass *p, ptrdiff_t start, ptrdiff_t stop, void *out, void *targets,
                      int linked)
{
    return p->wide ? outputs_d(p, start, stop, out, targets, linked)
                   : outputs_f(p, start, stop, out, targets, linked);
}

void scratchnn_curvature(pass *p, ptrdiff_t start, ptrdiff_t stop, void *G)
{
    if (p->wide)
        curvature_d(p, start, stop, G);
    else
        curvature_f(p, start, stop, G);
}

double scratchnn_batches(pass *p, optimizer *o, const int64_t *order, ptrdiff_t first,
                         ptrdiff_t last, ptrdiff_t n_batches, const double *rates,
                         double max_norm, double *norm)
{
    return p->wide ? batches_d(p, o, order, first, last, n_batches, rates, max_norm, norm)
                   : batches_f(p, o, order, first, last, n_batches, rates, max_norm, norm);
}

double scratchnn_penalty(const pass *p)
{
    return p->wide ? penalty_d(p) : penalty_f(p);
}

double scratchnn_step(pass *p, optimizer *o, double rate, double max_norm, int measure)
{
    return p->wide ? step_d(p, o, rate, max_norm, measure)
                   : step_f(p, o, rate, max_norm, measure);
}
