/* Forward, backward and whole passes over the rows; included once a number type.

   F1 .. F3, B1 .. B4 are the equations of network/network.py. */

/* C (rows, columns) = op(A) (rows, inner) op(B) (inner, columns), added to C or not. All
   are row-major, and A and B `width` numbers wide as they lie. BLAS reads each as its
   transpose, and computes C^T = op(B)^T op(A)^T. */
static void NAME(product)(const pass *p, char of_A, const REAL *A, char of_B,
                          const REAL *B, REAL *C, ptrdiff_t rows, ptrdiff_t columns,
                          ptrdiff_t inner, ptrdiff_t width_A, ptrdiff_t width_B, int add)
{
    int m = (int)columns, n = (int)rows, k = (int)inner;
    int lda = (int)width_B, ldb = (int)width_A, ldc = (int)columns;
    REAL one = 1, beta = (REAL)add;
    p->gemm(&of_B, &of_A, &m, &n, &k, &one, (REAL *)B, &lda, (REAL *)A, &ldb, &beta, C,
            &ldc);
}

/* z (B, K) into (K, B), with the bias added. */
static void NAME(transpose)(const REAL *restrict z, const REAL *restrict bias,
                            REAL *restrict out, ptrdiff_t B, ptrdiff_t K)
{
    for (ptrdiff_t k = 0; k < K; k++)
        for (ptrdiff_t b = 0; b < B; b++)
            out[k * B + b] = z[b * K + k] + bias[k];
}

KERNEL static void NAME(multiply)(REAL *restrict out, const REAL *restrict by, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] *= by[i];
}

KERNEL static void NAME(mask)(const uint16_t *restrict draws, REAL *restrict mask,
                              const REAL *restrict a, REAL *restrict kept, ptrdiff_t n,
                              uint32_t least, REAL scale)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        mask[i] = draws[i] >= least ? scale : 0;
        kept[i] = a[i] * mask[i];                                       /* F3 */
    }
}

/* Masks as training/dropout.py draws them: four units share 64 bits. */
static void NAME(drop)(const pass *p, const layer *l, ptrdiff_t B)
{
    const ptrdiff_t n = B * l->fan_out;
    uint16_t *draws = p->draws; /* has room for the last draw's four */
    for (ptrdiff_t i = 0; i < n; i += 4) {
        const uint64_t drawn = p->bits->next_raw(p->bits->state);
        draws[i] = (uint16_t)drawn;
        draws[i + 1] = (uint16_t)(drawn >> 16);
        draws[i + 2] = (uint16_t)(drawn >> 32);
        draws[i + 3] = (uint16_t)(drawn >> 48);
    }
    NAME(mask)(draws, l->mask, l->a, l->kept, n, p->dropout_least,
               (REAL)p->dropout_scale);
}

/* Write z of a layer into its `a`; return the bias that is still to be added. */
static const REAL *NAME(linear)(const pass *p, int32_t i, const REAL *input,
                                const NAME(block) *rows)
{
    const layer *l = p->layers + i;
    const ptrdiff_t H = l->fan_out, B = rows->n_rows;
    const ptrdiff_t fan_in = i ? l->fan_in : p->source.n_numbers;
    if (fan_in > 0)
        NAME(product)(p, 'N', input, 'N', l->W, l->a, B, H, fan_in, fan_in, H, 0);
    else
        memset(l->a, 0, (size_t)(B * H) * sizeof(REAL));
    if (i || !p->n_sums)
        return l->b;
    NAME(add_looked_up)(p, rows, l->a);
    return p->shift;
}

/* Write the logits, transposed, into delta of the last layer. */
static void NAME(forward)(const pass *p, const NAME(block) *rows, int drops)
{
    const int32_t last = p->n_layers - 1;
    const ptrdiff_t B = rows->n_rows;
    const layer *l = p->layers;
    const REAL *input = rows->input;
    for (int32_t i = 0; i < last; i++, l++) {
        const REAL *bias = NAME(linear)(p, i, input, rows);             /* F1 */
        NAME(activate)(l, B, bias);                                     /* F2 */
        if (drops)
            NAME(drop)(p, l, B);                                        /* F3 */
        input = drops ? l->kept : l->a;
    }
    const REAL *bias = NAME(linear)(p, last, input, rows);              /* F1 */
    NAME(transpose)(l->a, bias, l->delta, B, l->fan_out);
}

/* Write dC/da of hidden layer i from the delta above it. */
static void NAME(backward_input)(const pass *p, int32_t i, ptrdiff_t B, int drops)
{
    const layer *l = p->layers + i, *above = l + 1;
    const int transposed = i + 1 == p->n_layers - 1;
    NAME(product)(p, transposed ? 'T' : 'N', above->delta, 'T', above->W, l->delta, B,
                  l->fan_out, above->fan_out, transposed ? B : above->fan_out,
                  above->fan_out, 0);                                   /* B3 */
    if (drops)
        NAME(multiply)(l->delta, l->mask, B * l->fan_out);
}

/* total = part, or total += part: in float a long sum is one of shorter ones. */
static void NAME(gather)(REAL *total, const REAL *part, ptrdiff_t n, int add)
{
    if (add)
        NAME(add_scaled)(total, part, n, 1);
    else
        memcpy(total, part, (size_t)n * sizeof(REAL));
}

/* The gradient in what was looked up, from delta of the first layer. */
static void NAME(backward_looked_up)(const pass *p, const NAME(block) *rows, int add)
{
    const layer *l = p->layers;
    const ptrdiff_t H = l->fan_out, B = rows->n_rows, n = p->n_sums * H;
    const REAL *delta = l->delta;
    if (p->n_layers == 1) { /* rows of delta, as the hidden layers have them */
        REAL *turned = l->a;
        for (ptrdiff_t b = 0; b < B; b++)
            for (ptrdiff_t k = 0; k < H; k++)
                turned[b * H + k] = delta[k * B + b];
        delta = turned;
    }
    memset(p->sums_of_block, 0, (size_t)n * sizeof(REAL));
    NAME(add_looked_up_backward)(p, rows, delta);
    if (p->sums_of_block != p->sums_gradient)
        NAME(gather)(p->sums_gradient, p->sums_of_block, n, add);
}

/* Add dC/dtheta of a batch, whose delta_L is there, to the gradient; where `add` is 0,
   begin it. */
static void NAME(backward)(const pass *p, const NAME(block) *rows, int drops, int add)
{
    const int32_t last = p->n_layers - 1;
    const ptrdiff_t B = rows->n_rows;
    for (int32_t i = 0; i <= last; i++)
        memset(p->layers[i].sum, 0, (size_t)p->layers[i].fan_out * sizeof(REAL));
    for (int32_t i = last; i >= 0; i--) {
        const layer *l = p->layers + i;
        const ptrdiff_t H = l->fan_out;
        const ptrdiff_t fan_in = i ? l->fan_in : p->source.n_numbers;
        const REAL *a = i == 0 ? rows->input : drops ? l[-1].kept : l[-1].a;
        const REAL *delta = l->delta;
        REAL *sum = l->sum;
        if (i == last)
            for (ptrdiff_t k = 0; k < H; k++)
                for (ptrdiff_t b = 0; b < B; b++)
                    sum[k] += delta[k * B + b];                         /* B2 */
        NAME(gather)(l->db, sum, H, add);
        if (fan_in > 0)
            NAME(product)(p, 'T', a, i == last ? 'T' : 'N', delta, l->dW, fan_in, H, B,
                          fan_in, i == last ? B : H, add);              /* B1 */
        if (i > 0) {
            NAME(backward_input)(p, i - 1, B, drops);                   /* B3 */
            NAME(activate_backward)(l - 1, B);                          /* B4, B2 */
        } else if (p->n_sums) {
            NAME(backward_looked_up)(p, rows, add);
        }
    }
}

/* Turn logits into delta; return the batch's weighted sum of losses. */
static double NAME(loss_of_batch)(const pass *p, ptrdiff_t B)
{
    const REAL *w = p->w, *row = p->row;
    NAME(loss)(p, p->layers[p->n_layers - 1].delta, B);
    double value = 0;
    for (ptrdiff_t b = 0; b < B; b++)
        value += (double)w[b] * (double)row[b];
    return value;
}

/* The block that begins at a row; where blocks are kept, it is filled once. */
static NAME(block) NAME(read_block)(pass *p, ptrdiff_t start)
{
    const row_source *s = &p->source;
    const ptrdiff_t left = p->n_rows - start;
    const ptrdiff_t B = left < p->block_rows ? left : p->block_rows;
    const ptrdiff_t at = p->keeps_rows ? start : 0;
    const ptrdiff_t n_index = s->n_index, K = p->layers[p->n_layers - 1].fan_out;
    REAL *inputs = p->inputs ? (REAL *)p->inputs + at * s->n_numbers : NULL;
    REAL *fraction = (REAL *)p->fractions + at * s->n_binned;
    int32_t *index = p->indices + at * n_index;
    REAL *w = (REAL *)p->all_w + at;
    p->Y = (REAL *)p->all_Y + at * K;
    p->w = w;
    if (!p->keeps_rows || start >= p->n_kept) {
        NAME(read_rows)(p, NULL, start, B, inputs, index, fraction, p->Y, w);
        for (ptrdiff_t b = 0; b < B; b++)
            w[b] /= (REAL)p->n_rows;
        p->n_kept = start + B;
    }
    const REAL *input = inputs;
    if (p->reads_in_place)
        input = (const REAL *)s->numbers->data + start * s->n_numbers;
    return (NAME(block)){input, fraction, index, B};
}

static double NAME(value_and_gradient)(pass *p, ptrdiff_t start, ptrdiff_t stop)
{
    double value = 0;
    const int drops = p->bits != NULL;
    if (p->n_sums && start == 0)
        NAME(sum_weights)(p);
    while (start < stop) {
        const NAME(block) rows = NAME(read_block)(p, start);
        NAME(forward)(p, &rows, drops);
        value += NAME(loss_of_batch)(p, rows.n_rows);
        NAME(backward)(p, &rows, drops, start > 0);
        start += rows.n_rows;
    }
    if (p->n_sums && stop == p->n_rows)
        NAME(sum_weights_backward)(p);
    return value;
}

static double NAME(value)(pass *p, ptrdiff_t start, ptrdiff_t stop)
{
    double value = 0;
    if (p->n_sums && start == 0)
        NAME(sum_weights)(p);
    while (start < stop) {
        const NAME(block) rows = NAME(read_block)(p, start);
        NAME(forward)(p, &rows, 0);
        value += NAME(loss_of_batch)(p, rows.n_rows);
        start += rows.n_rows;
    }
    return value;
}

static int NAME(outputs)(pass *p, ptrdiff_t start, ptrdiff_t stop, REAL *out,
                         REAL *targets, int linked)
{
    REAL sum = 0; /* of z - z, which is NaN where z is not finite */
    const layer *l = p->layers + p->n_layers - 1;
    const ptrdiff_t K = l->fan_out;
    if (p->n_sums && start == 0)
        NAME(sum_weights)(p);
    while (start < stop) {
        const NAME(block) rows = NAME(read_block)(p, start);
        const ptrdiff_t B = rows.n_rows;
        NAME(forward)(p, &rows, 0);
        const REAL *z = l->delta, *Y = p->Y;
        for (ptrdiff_t i = 0; i < K * B; i++)
            sum += z[i] - z[i];
        if (linked)
            NAME(link)(p, l->delta, B);
        for (ptrdiff_t b = 0; b < B; b++)
            for (ptrdiff_t k = 0; k < K; k++) {
                out[(start + b) * K + k] = z[k * B + b];
                if (targets)
                    targets[(start + b) * K + k] = Y[k * B + b];
            }
        start += B;
    }
    return sum == 0;
}

/* Write each row's own gradient: B1 and B2 before the sum over rows. The forward pass is
   there, and delta of the last layer. */
static void NAME(row_gradients)(const pass *p, const REAL *input, ptrdiff_t B)
{
    const int32_t last = p->n_layers - 1;
    const ptrdiff_t n = p->n_parameters;
    REAL *J = p->row_gradients;
    ptrdiff_t weight = p->n_weights, bias = n;
    for (int32_t i = last; i >= 0; i--) {
        const layer *l = p->layers + i;
        const ptrdiff_t H = l->fan_out, D = l->fan_in;
        const REAL *a = i ? l[-1].a : input, *delta = l->delta;
        const ptrdiff_t of_row = i == last ? 1 : H, of_unit = i == last ? B : 1;
        weight -= D * H;
        bias -= H;
        for (ptrdiff_t b = 0; b < B; b++) {
            REAL *dW = J + b * n + weight, *db = J + b * n + bias;
            for (ptrdiff_t h = 0; h < H; h++)
                db[h] = delta[b * of_row + h * of_unit];                /* B2 */
            for (ptrdiff_t d = 0; d < D; d++, dW += H)
                for (ptrdiff_t h = 0; h < H; h++)
                    dW[h] = a[b * D + d] * db[h];                       /* B1 */
        }
        if (i > 0) {
            NAME(backward_input)(p, i - 1, B, 0);                       /* B3 */
            NAME(activate_backward)(l - 1, B);                          /* B4 */
        }
    }
}

static void NAME(curvature)(pass *p, ptrdiff_t start, ptrdiff_t stop, REAL *G)
{
    const layer *l = p->layers + p->n_layers - 1;
    const ptrdiff_t K = l->fan_out;
    const ptrdiff_t n_roots = p->loss == SOFTMAX_CROSS_ENTROPY ? K - 1 : K;
    char uplo = 'U', trans = 'N'; /* of the transpose: BLAS writes the lower triangle */
    int n = (int)p->n_parameters;
    REAL one = 1;
    while (start < stop) {
        const NAME(block) rows = NAME(read_block)(p, start);
        int B = (int)rows.n_rows;
        NAME(forward)(p, &rows, 0);
        memcpy(p->probabilities, l->delta, (size_t)(K * B) * sizeof(REAL));
        NAME(link)(p, p->probabilities, B);
        for (ptrdiff_t j = 0; j < n_roots; j++) {
            NAME(curvature_root)(p, p->probabilities, j, l->delta, B);
            NAME(row_gradients)(p, rows.input, B);
            p->syrk(&uplo, &trans, &n, &B, &one, p->row_gradients, &n, &one, G, &n);
        }
        start += B;
    }
    if (stop == p->n_rows)
        for (ptrdiff_t i = 0; i < n; i++)
            for (ptrdiff_t j = 0; j < i; j++)
                G[j * n + i] = G[i * n + j];
}

static double NAME(batches)(pass *p, optimizer *o, const int64_t *order, ptrdiff_t first,
                            ptrdiff_t last, ptrdiff_t n_batches, const double *rates,
                            double max_norm, double *norm)
{
    /* Batches of equal size: the first ones take what the division leaves. */
    const ptrdiff_t size = p->n_rows / n_batches, more = p->n_rows % n_batches;
    const int drops = p->bits != NULL;
    double value = 0;
    REAL *w = p->all_w, *Y = p->all_Y, *inputs = p->inputs;
    REAL *fractions = p->fractions;
    p->w = w;
    p->Y = Y;
    for (ptrdiff_t i = first; i < last; i++) {
        const ptrdiff_t B = size + (i < more);
        const ptrdiff_t start = i * size + (i < more ? i : more);
        NAME(read_rows)(p, order + start, 0, B, inputs, p->indices, fractions, Y, w);
        for (ptrdiff_t b = 0; b < B; b++)
            w[b] /= (REAL)B;
        const NAME(block) rows = {inputs, fractions, p->indices, B};
        if (p->n_sums)
            NAME(sum_weights)(p);
        NAME(forward)(p, &rows, drops);
        value += NAME(loss_of_batch)(p, B) * (double)B;
        NAME(backward)(p, &rows, drops, 0);
        if (p->n_sums)
            NAME(sum_weights_backward)(p);
        const int measure = norm && i == first;
        const double found = NAME(step)(p, o, rates[i - first], max_norm, measure);
        if (measure)
            *norm = found;
    }
    return value;
}
