/* Activations, a line each: f(z), and f'(z) from a = f(z); included once a number type.

   A forward kernel adds the bias and writes f over z. A backward kernel turns dC/da into
   delta = dC/da f'(z) in place, and adds its rows to the layer's sum. To add an
   activation, write its line, and name it in the two switches below, in core.h and in
   _core.pyx. */

/* Comparisons that a NaN does not pass leave it as it is: no unit hides it. */
#define POSITIVE(z) ((z) < 0 ? 0 : (z))
#define NEGATIVE(z) ((z) > 0 ? 0 : (z))

#define SELU_SCALE (REAL)1.0507009873554805
#define SELU_C (REAL)1.6732632423543772
#define GELU_K (REAL)0.7978845608028654 /* sqrt(2 / pi) */
#define GELU_C (REAL)0.044715

static inline REAL NAME(logistic)(REAL z) { return 1 / (1 + NAME(exp)(-z)); }

/* log(1 + exp z), which overflows for no z. */
static inline REAL NAME(softplus)(REAL z)
{
    const REAL size = z < 0 ? -z : z;
    return POSITIVE(z) + NAME(log1p)(NAME(exp)(-size));
}

/* Rows whose numbers stay in the first-level cache between two loops over them. Of these
   the second is flat, so that three units fill a register as well as three hundred. */
static inline ptrdiff_t NAME(rows_of_strip)(ptrdiff_t n_units)
{
    const ptrdiff_t n_rows = STRIP / n_units;
    return n_rows > 1 ? n_rows : 1;
}

static inline void NAME(add_bias)(REAL *restrict rows, const REAL *restrict bias,
                                  ptrdiff_t n_rows, ptrdiff_t n_units)
{
    for (ptrdiff_t i = 0; i < n_rows; i++)
        for (ptrdiff_t j = 0; j < n_units; j++)
            rows[i * n_units + j] += bias[j];
}

static inline void NAME(add_rows)(REAL *restrict sum, const REAL *restrict rows,
                                  ptrdiff_t n_rows, ptrdiff_t n_units)
{
    for (ptrdiff_t i = 0; i < n_rows; i++)
        for (ptrdiff_t j = 0; j < n_units; j++)
            sum[j] += rows[i * n_units + j];
}

#define FORWARD(name, f)                                                            \
    VECTOR_KERNEL static void NAME(name##_forward)(                                 \
        REAL *restrict rows, const REAL *restrict bias, ptrdiff_t n_rows,           \
        ptrdiff_t n_units)                                                          \
    {                                                                               \
        const ptrdiff_t step = NAME(rows_of_strip)(n_units);                        \
        for (ptrdiff_t start = 0; start < n_rows; start += step) {                  \
            const ptrdiff_t n = start + step < n_rows ? step : n_rows - start;      \
            REAL *restrict strip = rows + start * n_units;                          \
            NAME(add_bias)(strip, bias, n, n_units);                                \
            for (ptrdiff_t i = 0; i < n * n_units; i++) {                           \
                const REAL z = strip[i];                                            \
                strip[i] = f;                                                       \
            }                                                                       \
        }                                                                           \
    }

#define BACKWARD(name, slope)                                                       \
    VECTOR_KERNEL static void NAME(name##_backward)(                                \
        REAL *restrict delta, const REAL *restrict outputs, REAL *restrict db,      \
        ptrdiff_t n_rows, ptrdiff_t n_units)                                        \
    {                                                                               \
        const ptrdiff_t step = NAME(rows_of_strip)(n_units);                        \
        for (ptrdiff_t start = 0; start < n_rows; start += step) {                  \
            const ptrdiff_t n = start + step < n_rows ? step : n_rows - start;      \
            REAL *restrict strip = delta + start * n_units;                         \
            const REAL *restrict output = outputs + start * n_units;                \
            for (ptrdiff_t i = 0; i < n * n_units; i++) {                           \
                const REAL a = output[i];                                           \
                strip[i] *= slope;                                                  \
            }                                                                       \
            NAME(add_rows)(db, strip, n, n_units);                                  \
        }                                                                           \
    }

#define ACTIVATION(name, f, slope) FORWARD(name, f) BACKWARD(name, slope)

/* Of z and a gate s(z): a = z s; the slope is kept, as a alone does not tell it. */
#define GATED_ACTIVATION(name, gate, slope)                                         \
    VECTOR_KERNEL static void NAME(name##_forward)(                                 \
        REAL *restrict rows, const REAL *restrict bias, REAL *restrict slopes,      \
        ptrdiff_t n_rows, ptrdiff_t n_units)                                        \
    {                                                                               \
        const ptrdiff_t step = NAME(rows_of_strip)(n_units);                        \
        for (ptrdiff_t start = 0; start < n_rows; start += step) {                  \
            const ptrdiff_t n = start + step < n_rows ? step : n_rows - start;      \
            REAL *restrict strip = rows + start * n_units;                          \
            REAL *restrict out = slopes + start * n_units;                          \
            NAME(add_bias)(strip, bias, n, n_units);                                \
            for (ptrdiff_t i = 0; i < n * n_units; i++) {                           \
                const REAL z = strip[i];                                            \
                const REAL s = gate;                                                \
                strip[i] = z * s;                                                   \
                out[i] = slope;                                                     \
            }                                                                       \
        }                                                                           \
    }

ACTIVATION(identity, z, ((void)a, (REAL)1))
ACTIVATION(tanh, NAME(tanh)(z), (1 - a * a))
ACTIVATION(logistic, NAME(logistic)(z), (a * (1 - a)))
ACTIVATION(relu, POSITIVE(z), (a > 0 ? (REAL)1 : 0))
ACTIVATION(leaky_relu, (z < 0 ? (REAL)0.01 * z : z), (a > 0 ? (REAL)1 : (REAL)0.01))
ACTIVATION(elu, POSITIVE(z) + NAME(expm1)(NEGATIVE(z)), (1 + NEGATIVE(a)))
ACTIVATION(selu, SELU_SCALE *(POSITIVE(z) + SELU_C * NAME(expm1)(NEGATIVE(z))),
           (a > 0 ? SELU_SCALE : a + SELU_SCALE * SELU_C))
ACTIVATION(softplus, NAME(softplus)(z), (-NAME(expm1)(-a)))
GATED_ACTIVATION(gelu, (REAL)0.5 * (1 + NAME(tanh)(GELU_K * (z + GELU_C * z * z * z))),
                 s + 2 * z * s * (1 - s) * GELU_K * (1 + 3 * GELU_C * z * z))
GATED_ACTIVATION(silu, NAME(logistic)(z), s + z * s * (1 - s))
BACKWARD(gated, a) /* of the slopes that were kept */

static void NAME(activate)(const layer *l, ptrdiff_t n_rows, const REAL *bias)
{
    const ptrdiff_t n_units = l->fan_out;
    REAL *a = l->a, *slope = l->slope;
    switch (l->activation) {
    case IDENTITY: NAME(identity_forward)(a, bias, n_rows, n_units); break;
    case TANH: NAME(tanh_forward)(a, bias, n_rows, n_units); break;
    case LOGISTIC: NAME(logistic_forward)(a, bias, n_rows, n_units); break;
    case RELU: NAME(relu_forward)(a, bias, n_rows, n_units); break;
    case LEAKY_RELU: NAME(leaky_relu_forward)(a, bias, n_rows, n_units); break;
    case ELU: NAME(elu_forward)(a, bias, n_rows, n_units); break;
    case SELU: NAME(selu_forward)(a, bias, n_rows, n_units); break;
    case SOFTPLUS: NAME(softplus_forward)(a, bias, n_rows, n_units); break;
    case GELU: NAME(gelu_forward)(a, bias, slope, n_rows, n_units); break;
    case SILU: NAME(silu_forward)(a, bias, slope, n_rows, n_units); break;
    }
}

static void NAME(activate_backward)(const layer *l, ptrdiff_t n_rows)
{
    const ptrdiff_t n_units = l->fan_out;
    REAL *delta = l->delta, *a = l->a, *db = l->sum;
    switch (l->activation) {
    case IDENTITY: NAME(identity_backward)(delta, a, db, n_rows, n_units); break;
    case TANH: NAME(tanh_backward)(delta, a, db, n_rows, n_units); break;
    case LOGISTIC: NAME(logistic_backward)(delta, a, db, n_rows, n_units); break;
    case RELU: NAME(relu_backward)(delta, a, db, n_rows, n_units); break;
    case LEAKY_RELU: NAME(leaky_relu_backward)(delta, a, db, n_rows, n_units); break;
    case ELU: NAME(elu_backward)(delta, a, db, n_rows, n_units); break;
    case SELU: NAME(selu_backward)(delta, a, db, n_rows, n_units); break;
    case SOFTPLUS: NAME(softplus_backward)(delta, a, db, n_rows, n_units); break;
    case GELU:
    case SILU: NAME(gated_backward)(delta, l->slope, db, n_rows, n_units); break;
    }
}

#undef POSITIVE
#undef NEGATIVE
#undef SELU_SCALE
#undef SELU_C
#undef GELU_K
#undef GELU_C
#undef FORWARD
#undef BACKWARD
#undef ACTIVATION
#undef GATED_ACTIVATION
