/* Rows of X and y into the arrays of a batch; included once a number type. */

#ifndef SCRATCHNN_NUMBER
#define SCRATCHNN_NUMBER
/* An array that came over a network may lie anywhere: numbers are read byte by byte. */
#define READ(type, at) (memcpy(&read.as_##type, at, sizeof(type)), read.as_##type)
typedef union {
    float as_float;
    double as_double;
    int8_t as_int8_t;
    int16_t as_int16_t;
    int32_t as_int32_t;
    int64_t as_int64_t;
    uint8_t as_uint8_t;
    uint16_t as_uint16_t;
    uint32_t as_uint32_t;
    uint64_t as_uint64_t;
} any_number;

static inline double number_at(const char *at, enum kind kind)
{
    any_number read;
    switch (kind) {
    case F32: return READ(float, at);
    case F64: return READ(double, at);
    case I8: return READ(int8_t, at);
    case I16: return READ(int16_t, at);
    case I32: return READ(int32_t, at);
    case I64: return (double)READ(int64_t, at);
    case U8: return READ(uint8_t, at);
    case U16: return READ(uint16_t, at);
    case U32: return READ(uint32_t, at);
    case U64: return (double)READ(uint64_t, at);
    }
    return 0;
}

static inline int64_t code_at(const char *at, enum kind kind)
{
    any_number read;
    switch (kind) {
    case I8: return READ(int8_t, at);
    case I16: return READ(int16_t, at);
    case I32: return READ(int32_t, at);
    case U8: return READ(uint8_t, at);
    default: return READ(int64_t, at);
    }
}
#undef READ
#endif

/* What the network reads of some rows. */
typedef struct {
    const REAL *input, *fraction;
    const int32_t *index;
    ptrdiff_t n_rows;
} NAME(block);

/* Loops over a row of X that lies together. */
#define STANDARDIZE(name, FROM, WIDE)                                               \
    KERNEL static void NAME(name)(const FROM *restrict x, const WIDE *restrict mean, \
                                  const WIDE *restrict inverse,                     \
                                  REAL *restrict out, ptrdiff_t n)                  \
    {                                                                               \
        for (ptrdiff_t j = 0; j < n; j++)                                           \
            out[j] = (REAL)((x[j] - mean[j]) * inverse[j]);                         \
    }
STANDARDIZE(standardize_float, float, REAL)
STANDARDIZE(standardize_double, double, double)

#define CONVERT(name, FROM)                                                         \
    KERNEL static void NAME(name)(const FROM *restrict x, REAL *restrict out,       \
                                  ptrdiff_t n)                                      \
    {                                                                               \
        for (ptrdiff_t j = 0; j < n; j++)                                           \
            out[j] = (REAL)x[j];                                                    \
    }
CONVERT(convert_float, float)
CONVERT(convert_double, double)

/* Write the numbers of a row of X, as ``(x - mean) / scale``. */
static void NAME(read_numbers)(const row_source *s, int64_t row, REAL *out)
{
    const ptrdiff_t n = s->n_numbers;
    const column *first = s->numbers;
    const REAL *mean = s->REAL_MEAN, *inverse = s->REAL_INVERSE;
    if (s->contiguous && !s->fill && (s->REAL_MEAN || !s->mean)) {
        const char *x = first->data + row * first->stride;
        if (first->kind == F32 && s->mean)
            NAME(standardize_float)((const float *)x, mean, inverse, out, n);
        else if (first->kind == F32)
            NAME(convert_float)((const float *)x, out, n);
        else if (s->mean)
            NAME(standardize_double)((const double *)x, s->mean, s->inverse, out, n);
        else
            NAME(convert_double)((const double *)x, out, n);
        return;
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        const column *c = s->numbers + j;
        double x = number_at(c->data + row * c->stride, c->kind);
        if (s->fill && isnan(x))
            x = s->fill[j];
        if (s->mean && s->REAL_MEAN && c->kind == F32) /* as where a row lies together */
            out[j] = ((REAL)x - mean[j]) * inverse[j];
        else
            out[j] = (REAL)(s->mean ? (x - s->mean[j]) * s->inverse[j] : x);
    }
}

/* Where x lies among a column's bins: the bin, and how much of it is below x. */
KERNEL static double NAME(find_bin)(double x, const double *restrict edges, int32_t n_bins,
                                    int32_t *bin)
{
    int64_t below = 0;
    for (int32_t t = 1; t < n_bins; t++)
        below += x >= edges[t];
    *bin = (int32_t)below;
    const double part = (x - edges[below]) / (edges[below + 1] - edges[below]);
    return part < 0 ? 0 : part > 1 ? 1 : part;
}

/* Write which rows of the running sums a row of X looks up; and how far it lies between
   one and the next, for each column with bins. */
static void NAME(look_up)(const row_source *s, int64_t row, int32_t *index, REAL *fraction)
{
    for (int32_t i = 0; i < s->n_binned; i++) {
        const binned_column *binned = s->binned + i;
        const column *c = s->numbers + binned->column;
        double x = number_at(c->data + row * c->stride, c->kind);
        if (s->fill && isnan(x))
            x = s->fill[binned->column];
        int32_t bin;
        *fraction++ = (REAL)NAME(find_bin)(x, s->edges + binned->first_edge,
                                           binned->n_bins, &bin);
        *index++ = binned->first_sum + bin;
    }
    const int32_t first_gap = s->n_bins + s->n_binned;
    for (int32_t i = 0; i < s->n_gaps; i++) {
        const column *c = s->numbers + s->gaps[i];
        const int missing = isnan(number_at(c->data + row * c->stride, c->kind));
        *index++ = missing ? first_gap + i : -1;
    }
    for (int32_t i = 0; i < s->n_codes; i++) {
        const column *c = s->codes + i;
        const int64_t code = code_at(c->data + row * c->stride, c->kind);
        *index++ = code < 0 ? -1 : first_gap + s->n_gaps + (int32_t)code;
    }
}

/* Write the targets of a row into column b of Y, (K, B). */
static void NAME(read_targets)(const row_source *s, int64_t row, ptrdiff_t K, REAL *Y,
                               ptrdiff_t b, ptrdiff_t B)
{
    const REAL *table = s->target_table;
    const column *c = s->targets;
    if (table && s->n_targets == 1 && K > 1) {
        const REAL *target = table + code_at(c->data + row * c->stride, c->kind) * K;
        for (ptrdiff_t k = 0; k < K; k++)
            Y[k * B + b] = target[k];
        return;
    }
    for (ptrdiff_t k = 0; k < K; k++, c++) {
        const char *at = c->data + row * c->stride;
        Y[k * B + b] = table ? table[code_at(at, c->kind)] : (REAL)number_at(at, c->kind);
    }
}

/* Fill the arrays of a batch: the rows at `order`, or those from `start` on. */
static void NAME(read_rows)(const pass *p, const int64_t *order, ptrdiff_t start,
                            ptrdiff_t B, REAL *inputs, int32_t *index, REAL *fraction,
                            REAL *Y, REAL *w)
{
    const row_source *s = &p->source;
    const ptrdiff_t K = p->layers[p->n_layers - 1].fan_out;
    const ptrdiff_t n_index = s->n_index;
    const REAL *weights = s->weights;
    for (ptrdiff_t b = 0; b < B; b++) {
        const int64_t at = order ? order[b] : start + b;
        const int64_t row = s->subset ? s->subset[at] : at;
        if (inputs)
            NAME(read_numbers)(s, row, inputs + b * s->n_numbers);
        if (n_index)
            NAME(look_up)(s, row, index + b * n_index, fraction + b * s->n_binned);
        if (s->n_targets)
            NAME(read_targets)(s, row, K, Y, b, B);
        if (w)
            w[b] = weights ? weights[at] : 1;
    }
}

/* The running sums of the looked-up inputs' weights, each divided by its input's scale;
   and the bias of the first layer, less what the inputs' means take off. */
KERNEL static void NAME(sum_weights)(const pass *p)
{
    const row_source *s = &p->source;
    const layer *l = p->layers;
    const ptrdiff_t H = l->fan_out;
    const REAL *W = (const REAL *)l->W + s->n_numbers * H;
    REAL *out = p->sums, *shift = p->shift;
    memcpy(shift, l->b, (size_t)H * sizeof(REAL));
    ptrdiff_t input = s->n_numbers;
    for (int32_t i = 0; i < s->n_binned; i++) {
        memset(out, 0, (size_t)H * sizeof(REAL));
        for (int32_t t = 0; t < s->binned[i].n_bins; t++, input++, W += H, out += H) {
            const REAL by = (REAL)(s->mean ? s->inverse[input] : 1);
            const REAL mean = (REAL)(s->mean ? s->mean[input] : 0);
            for (ptrdiff_t h = 0; h < H; h++) {
                const REAL weight = W[h] * by;
                out[H + h] = out[h] + weight;
                shift[h] -= mean * weight;
            }
        }
        out += H;
    }
    for (int32_t i = 0; i < s->n_gaps + s->n_categories; i++, input++, W += H, out += H) {
        const REAL by = (REAL)(s->mean ? s->inverse[input] : 1);
        const REAL mean = (REAL)(s->mean ? s->mean[input] : 0);
        for (ptrdiff_t h = 0; h < H; h++) {
            out[h] = W[h] * by;
            shift[h] -= mean * out[h];
        }
    }
}

/* dW of the looked-up inputs from the gradient in the running sums, and db. */
KERNEL static void NAME(sum_weights_backward)(const pass *p)
{
    const row_source *s = &p->source;
    const layer *l = p->layers;
    const ptrdiff_t H = l->fan_out;
    REAL *dW = (REAL *)l->dW + s->n_numbers * H;
    REAL *from = p->sums_gradient;
    const REAL *db = l->db;
    ptrdiff_t input = s->n_numbers;
    for (int32_t i = 0; i < s->n_binned; i++) {
        const int32_t T = s->binned[i].n_bins;
        for (int32_t t = T - 1; t >= 0; t--) {
            const REAL by = (REAL)(s->mean ? s->inverse[input + t] : 1);
            const REAL mean = (REAL)(s->mean ? s->mean[input + t] : 0);
            REAL *above = from + (t + 1) * H, *below = from + t * H, *out = dW + t * H;
            for (ptrdiff_t h = 0; h < H; h++) {
                out[h] = (above[h] - mean * db[h]) * by;
                below[h] += above[h];
            }
        }
        input += T, dW += T * H, from += (T + 1) * H;
    }
    for (int32_t i = 0; i < s->n_gaps + s->n_categories; i++, input++) {
        const REAL by = (REAL)(s->mean ? s->inverse[input] : 1);
        const REAL mean = (REAL)(s->mean ? s->mean[input] : 0);
        for (ptrdiff_t h = 0; h < H; h++)
            dW[h] = (from[h] - mean * db[h]) * by;
        dW += H, from += H;
    }
}

/* Rows of which z, or delta, stay in the first-level cache beside a column's sums. */
static ptrdiff_t NAME(rows_of_tile)(ptrdiff_t H)
{
    const ptrdiff_t rows = TILE_BYTES / (H * (ptrdiff_t)sizeof(REAL));
    return rows > 8 ? rows : 8;
}

/* z += the part of one column with bins, for rows whose entries are `step` apart. */
KERNEL static void NAME(add_bins)(REAL *restrict z, const REAL *restrict sums,
                                  const int32_t *restrict index,
                                  const REAL *restrict fraction, ptrdiff_t n_rows,
                                  ptrdiff_t index_step, ptrdiff_t fraction_step,
                                  ptrdiff_t H)
{
    for (; n_rows > 0; n_rows--, z += H) {
        const REAL *restrict low = sums + *index * H, part = *fraction;
        for (ptrdiff_t h = 0; h < H; h++)
            z[h] += low[h] + part * (low[H + h] - low[h]);
        index += index_step, fraction += fraction_step;
    }
}

KERNEL static void NAME(add_bins_backward)(const REAL *restrict delta,
                                           REAL *restrict sums,
                                           const int32_t *restrict index,
                                           const REAL *restrict fraction,
                                           ptrdiff_t n_rows, ptrdiff_t index_step,
                                           ptrdiff_t fraction_step, ptrdiff_t H)
{
    for (; n_rows > 0; n_rows--, delta += H) {
        REAL *restrict low = sums + *index * H;
        const REAL part = *fraction;
        for (ptrdiff_t h = 0; h < H; h++) {
            const REAL above = part * delta[h];
            low[h] += delta[h] - above;
            low[H + h] += above;
        }
        index += index_step, fraction += fraction_step;
    }
}

/* z += the weights of one column's gap or category. */
KERNEL static void NAME(add_single)(REAL *restrict z, const REAL *restrict sums,
                                    const int32_t *restrict index, ptrdiff_t n_rows,
                                    ptrdiff_t index_step, ptrdiff_t H)
{
    for (; n_rows > 0; n_rows--, z += H, index += index_step) {
        if (*index < 0)
            continue;
        const REAL *restrict row = sums + *index * H;
        for (ptrdiff_t h = 0; h < H; h++)
            z[h] += row[h];
    }
}

KERNEL static void NAME(add_single_backward)(const REAL *restrict delta,
                                             REAL *restrict sums,
                                             const int32_t *restrict index,
                                             ptrdiff_t n_rows, ptrdiff_t index_step,
                                             ptrdiff_t H)
{
    for (; n_rows > 0; n_rows--, delta += H, index += index_step) {
        if (*index < 0)
            continue;
        REAL *restrict row = sums + *index * H;
        for (ptrdiff_t h = 0; h < H; h++)
            row[h] += delta[h];
    }
}

/* Add the looked-up inputs' part of X W to z. */
static void NAME(add_looked_up)(const pass *p, const NAME(block) *rows, REAL *z)
{
    const ptrdiff_t H = p->layers->fan_out, tile = NAME(rows_of_tile)(H);
    const ptrdiff_t n_binned = p->source.n_binned, n_index = p->source.n_index;
    for (ptrdiff_t start = 0; start < rows->n_rows; start += tile, z += tile * H) {
        const ptrdiff_t left = rows->n_rows - start, n = left < tile ? left : tile;
        const int32_t *index = rows->index + start * n_index;
        const REAL *fraction = rows->fraction + start * n_binned;
        for (ptrdiff_t i = 0; i < n_binned; i++)
            NAME(add_bins)(z, p->sums, index + i, fraction + i, n, n_index, n_binned, H);
        for (ptrdiff_t i = n_binned; i < n_index; i++)
            NAME(add_single)(z, p->sums, index + i, n, n_index, H);
    }
}

/* Add each row's delta to the gradient of the running sums that it looked up. */
static void NAME(add_looked_up_backward)(const pass *p, const NAME(block) *rows,
                                         const REAL *delta)
{
    const ptrdiff_t H = p->layers->fan_out, tile = NAME(rows_of_tile)(H);
    const ptrdiff_t n_binned = p->source.n_binned, n_index = p->source.n_index;
    REAL *sums = p->sums_of_block;
    for (ptrdiff_t start = 0; start < rows->n_rows; start += tile, delta += tile * H) {
        const ptrdiff_t left = rows->n_rows - start, n = left < tile ? left : tile;
        const int32_t *index = rows->index + start * n_index;
        const REAL *fraction = rows->fraction + start * n_binned;
        for (ptrdiff_t i = 0; i < n_binned; i++)
            NAME(add_bins_backward)(delta, sums, index + i, fraction + i, n, n_index,
                                    n_binned, H);
        for (ptrdiff_t i = n_binned; i < n_index; i++)
            NAME(add_single_backward)(delta, sums, index + i, n, n_index, H);
    }
}

#undef STANDARDIZE
#undef CONVERT
