/* Update rules over flat arrays, in one pass each; included once a number type. */

/* v <- mu v - rate g, theta <- theta + v; or Nesterov's. */
KERNEL static void NAME(momentum_step)(REAL *restrict theta, const REAL *restrict g,
                                       REAL *restrict v, ptrdiff_t n, REAL rate, REAL mu,
                                       int nesterov)
{
    /* Nesterov's step is mu v - rate g of the new v; the plain one is v itself. */
    const REAL of_v = nesterov ? mu : 1, of_g = nesterov ? rate : 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        v[i] = mu * v[i] - rate * g[i];
        theta[i] += of_v * v[i] - of_g * g[i];
    }
}

KERNEL static void NAME(plain_step)(REAL *restrict theta, const REAL *restrict g,
                                    ptrdiff_t n, REAL rate)
{
    for (ptrdiff_t i = 0; i < n; i++)
        theta[i] -= rate * g[i];
}

/* Moments are kept as m / (1 - beta_1) and v / (1 - beta_2), see training/optimizers.py,
   where `factor` and `epsilon` come from. */
KERNEL static void NAME(adam_step)(REAL *restrict theta, const REAL *restrict g,
                                   REAL *restrict m, REAL *restrict v, ptrdiff_t n,
                                   REAL beta_1, REAL beta_2, REAL factor, REAL epsilon)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        m[i] = beta_1 * m[i] + g[i];
        v[i] = beta_2 * v[i] + g[i] * g[i];
        theta[i] -= factor * (m[i] / (NAME(root)(v[i]) + epsilon));
    }
}

KERNEL static void NAME(scale)(REAL *restrict x, ptrdiff_t n, REAL factor)
{
    for (ptrdiff_t i = 0; i < n; i++)
        x[i] *= factor;
}

KERNEL static void NAME(add_scaled)(REAL *restrict out, const REAL *restrict x,
                                    ptrdiff_t n, REAL factor)
{
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] += factor * x[i];
}

/* Eight sums side by side, as one alone would wait for each addition. */
KERNEL static double NAME(sum_of_squares)(const REAL *x, ptrdiff_t n)
{
    double sums[8] = {0}, sum = 0;
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            sums[j] += (double)x[i + j] * (double)x[i + j];
    for (; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    for (int j = 0; j < 8; j++)
        sum += sums[j];
    return sum;
}

/* alpha / (2 n) |W|^2 */
static double NAME(penalty)(const pass *p)
{
    return 0.5 * p->penalty * NAME(sum_of_squares)(p->theta, p->n_weights);
}

static double NAME(step)(pass *p, optimizer *o, double rate, double max_norm, int measure)
{
    REAL *theta = p->theta, *g = p->gradient;
    const ptrdiff_t n = p->n_parameters;
    double norm = 0;
    if (p->penalty != 0)
        NAME(add_scaled)(g, theta, p->n_weights, (REAL)p->penalty);
    if (measure || max_norm > 0)
        norm = sqrt(NAME(sum_of_squares)(g, n));
    if (max_norm > 0 && norm > max_norm)
        NAME(scale)(g, n, (REAL)(max_norm / norm));
    if (o->rule == SGD && o->first) {
        NAME(momentum_step)(theta, g, o->first, n, (REAL)rate, (REAL)o->momentum,
                            o->nesterov);
    } else if (o->rule == SGD) {
        NAME(plain_step)(theta, g, n, (REAL)rate);
    } else {
        const double t = (double)++o->t;
        const double root = sqrt((1 - o->beta_2) / (1 - pow(o->beta_2, t)));
        const double factor = rate * (1 - o->beta_1) / (1 - pow(o->beta_1, t)) / root;
        if (o->weight_decay != 0)
            NAME(scale)(theta, p->n_weights, (REAL)(1 - rate * o->weight_decay));
        NAME(adam_step)(theta, g, o->first, o->second, n, (REAL)o->beta_1,
                        (REAL)o->beta_2, (REAL)factor, (REAL)(o->epsilon / root));
    }
    return norm;
}
