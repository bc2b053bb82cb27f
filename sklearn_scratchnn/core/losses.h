/* Losses of the logits: value, delta, and what an output's curvature is; included once a
   number type.

   Logits come as (K, B), an output each row, so that loops run over the batch: there may
   be two outputs, but there are always many rows. */

/* Write the softmax of each column over z. `row` is (2, B) of scratch: the maximum, which
   is subtracted first, then the sum; and sum_k Y_k (z_k - max), where there is a Y. */
VECTOR_KERNEL static void NAME(softmax)(REAL *restrict z, const REAL *restrict Y,
                                        REAL *restrict row, ptrdiff_t K, ptrdiff_t B)
{
    REAL *restrict sum = row, *restrict dot = row + B;
    for (ptrdiff_t b = 0; b < B; b++)
        sum[b] = z[b];
    for (ptrdiff_t k = 1; k < K; k++)
        for (ptrdiff_t b = 0; b < B; b++)
            sum[b] = z[k * B + b] > sum[b] ? z[k * B + b] : sum[b];
    for (ptrdiff_t k = 0; k < K; k++)
        for (ptrdiff_t b = 0; b < B; b++)
            z[k * B + b] -= sum[b];
    for (ptrdiff_t b = 0; b < B; b++)
        dot[b] = sum[b] = 0;
    if (Y)
        for (ptrdiff_t k = 0; k < K; k++)
            for (ptrdiff_t b = 0; b < B; b++)
                dot[b] += Y[k * B + b] * z[k * B + b];
    for (ptrdiff_t k = 0; k < K; k++)
        for (ptrdiff_t b = 0; b < B; b++) {
            z[k * B + b] = NAME(exp)(z[k * B + b]);
            sum[b] += z[k * B + b];
        }
    for (ptrdiff_t k = 0; k < K; k++)
        for (ptrdiff_t b = 0; b < B; b++)
            z[k * B + b] /= sum[b]; /* L1  p = softmax(z) */
}

VECTOR_KERNEL static void NAME(softmax_loss)(
    REAL *restrict z, const REAL *restrict Y, const REAL *restrict w,
    REAL *restrict row, ptrdiff_t K, ptrdiff_t B)
{
    NAME(softmax)(z, Y, row, K, B);
    for (ptrdiff_t b = 0; b < B; b++)
        row[b] = NAME(log1p)(row[b] - 1) - row[B + b]; /* L2  C = -sum Y log p */
    for (ptrdiff_t k = 0; k < K; k++)
        for (ptrdiff_t b = 0; b < B; b++)
            z[k * B + b] = w[b] * (z[k * B + b] - Y[k * B + b]); /* L3  p - Y */
}

/* A loss that is a sum over outputs: of z and y a value, and dC/dz. `h` is the loss's
   own setting: Huber's threshold, or the quantile. */
#define LOSS(name, setup, value, slope)                                             \
    VECTOR_KERNEL static void NAME(name##_loss)(                                    \
        REAL *restrict z_of, const REAL *restrict Y, const REAL *restrict w,        \
        REAL *restrict row, ptrdiff_t K, ptrdiff_t B, REAL h)                       \
    {                                                                               \
        (void)h;                                                                    \
        for (ptrdiff_t b = 0; b < B; b++)                                           \
            row[b] = 0;                                                             \
        for (ptrdiff_t k = 0; k < K; k++)                                           \
            for (ptrdiff_t b = 0; b < B; b++) {                                     \
                const REAL z = z_of[k * B + b], y = Y[k * B + b];                   \
                setup;                                                              \
                row[b] += value;                         /* L2  C */                \
                z_of[k * B + b] = w[b] * (slope);        /* L3  dC/dz */            \
            }                                                                       \
    }

#define CLIPPED(r, h) ((r) > (h) ? (h) : ((r) < -(h) ? -(h) : (r)))
#define SMOOTHED (REAL)0.05 /* as in number_losses.py */

/* y log y, and 0 for 0. */
static inline REAL NAME(entropy)(REAL y)
{
    const REAL safe = y > REAL_EPSILON ? y : 1;
    return y * NAME(log1p)(safe - 1);
}

/* The logarithm of the largest number, rounded down; a NaN stays as it is. */
#define LARGEST_LOG (sizeof(REAL) == sizeof(float) ? (REAL)88.72283 : (REAL)709.782712893)
#define AT_MOST(z, most) ((z) > (most) ? (most) : (z))

LOSS(logistic_cross_entropy, , NAME(softplus)(z) - y * z, NAME(logistic)(z) - y)
LOSS(squared_error, const REAL r = z - y, (REAL)0.5 * r * r, r)
/* The mean, squared, is to be finite too; z - z is NaN where z is infinite. */
LOSS(poisson, const REAL x = AT_MOST(z, LARGEST_LOG / 2) + (z - z);
     const REAL m = NAME(exp)(x), m - y + NAME(entropy)(y) - y * x, m - y)
LOSS(huber, const REAL r = z - y; const REAL c = CLIPPED(r, h), c * (r - (REAL)0.5 * c), c)
/* h is the quantile q; s rises from 0 to 1 where |r| is below SMOOTHED. */
LOSS(quantile, const REAL r = z - y;
     const REAL s = (CLIPPED(r, SMOOTHED) / SMOOTHED + 1) / 2,
     (s - h) * r + SMOOTHED * (s - s * s), s - h)

/* Write delta over the logits z, (K, B), and each row's loss into row[0 .. B]. */
static void NAME(loss)(const pass *p, REAL *z, ptrdiff_t B)
{
    const REAL *Y = p->Y, *w = p->w;
    REAL *row = p->row;
    const ptrdiff_t K = p->layers[p->n_layers - 1].fan_out;
    const REAL t = (REAL)p->threshold, q = (REAL)p->quantile;
    switch (p->loss) {
    case SOFTMAX_CROSS_ENTROPY: NAME(softmax_loss)(z, Y, w, row, K, B); break;
    case LOGISTIC_CROSS_ENTROPY:
        NAME(logistic_cross_entropy_loss)(z, Y, w, row, K, B, 0);
        break;
    case SQUARED_ERROR: NAME(squared_error_loss)(z, Y, w, row, K, B, 0); break;
    case POISSON: NAME(poisson_loss)(z, Y, w, row, K, B, 0); break;
    case HUBER: NAME(huber_loss)(z, Y, w, row, K, B, t); break;
    case QUANTILE: NAME(quantile_loss)(z, Y, w, row, K, B, q); break;
    }
}

KERNEL static void NAME(logistic_link)(REAL *restrict z, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        z[i] = NAME(logistic)(z[i]);
}

KERNEL static void NAME(exponential_link)(REAL *restrict z, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        z[i] = NAME(exp)(AT_MOST(z[i], LARGEST_LOG));
}

/* Turn logits, (K, B), into probabilities, or predicted numbers. */
static void NAME(link)(const pass *p, REAL *z, ptrdiff_t B)
{
    const ptrdiff_t K = p->layers[p->n_layers - 1].fan_out;
    switch (p->loss) {
    case SOFTMAX_CROSS_ENTROPY: NAME(softmax)(z, NULL, p->row, K, B); break;
    case LOGISTIC_CROSS_ENTROPY: NAME(logistic_link)(z, K * B); break;
    case POISSON: NAME(exponential_link)(z, K * B); break;
    case SQUARED_ERROR:
    case HUBER:
    case QUANTILE: break;
    }
}

/* Write sqrt(w) S_j over `root`, (K, B), with d2C/dz2 = sum_j S_j^T S_j in each row.

   Of the softmax the columns of a Cholesky factor (Tanabe and Sagae, 1992, theorem 1),
   K - 1 of them; of other losses the root of a diagonal entry, K of them. */
static void NAME(curvature_root)(const pass *p, const REAL *probability, ptrdiff_t j,
                                 REAL *root, ptrdiff_t B)
{
    const ptrdiff_t K = p->layers[p->n_layers - 1].fan_out;
    const REAL *w = p->w;
    memset(root, 0, (size_t)(K * B) * sizeof(REAL));
    for (ptrdiff_t b = 0; b < B; b++) {
        const REAL p_j = probability[j * B + b];
        if (p->loss != SOFTMAX_CROSS_ENTROPY) {
            const REAL diagonal = p->loss == LOGISTIC_CROSS_ENTROPY ? p_j * (1 - p_j)
                                  : p->loss == POISSON              ? p_j
                                                                    : 1;
            root[j * B + b] = (REAL)sqrt(w[b] * diagonal);
            continue;
        }
        REAL behind = 0;
        for (ptrdiff_t k = K - 1; k > j; k--)
            behind += probability[k * B + b];
        const REAL s = behind > REAL_TINY ? behind : REAL_TINY;
        const REAL own = (REAL)sqrt(w[b]) * (REAL)sqrt(p_j * (s / (p_j + s)));
        root[j * B + b] = own;
        for (ptrdiff_t k = j + 1; k < K; k++)
            root[k * B + b] = -probability[k * B + b] / s * own;
    }
}

#undef LOSS
#undef CLIPPED
#undef SMOOTHED
#undef LARGEST_LOG
#undef AT_MOST
