/* The network's passes, compiled: what Python hands over, and what it may call.

   The mathematics is that of network/network.py; tests hold the two equal. Arrays are
   row-major. Everything in them is of one number type, float or double, that `wide`
   names; core.c includes the passes once for each. Nothing here allocates or checks:
   _core.pyx has done both before. */

#ifndef SCRATCHNN_CORE_H
#define SCRATCHNN_CORE_H

#include <stddef.h>
#include <stdint.h>

/* Types of the numbers in X and y, in the order of `KINDS` in _core.pyx. */
enum kind { F32, F64, I8, I16, I32, I64, U8, U16, U32, U64 };

/* In the order of `ACTIVATIONS` and `LOSSES` in _core.pyx. */
enum activation { IDENTITY, TANH, LOGISTIC, RELU, LEAKY_RELU, ELU, SELU, SOFTPLUS,
                  GELU, SILU };
enum loss { SOFTMAX_CROSS_ENTROPY, LOGISTIC_CROSS_ENTROPY, SQUARED_ERROR, POISSON,
            HUBER, QUANTILE };
enum rule { SGD, ADAM };

/* BLAS's gemm and syrk, of either number type. */
typedef void (*gemm_function)(char *, char *, int *, int *, int *, void *, void *,
                              int *, void *, int *, void *, void *, int *);
typedef void (*syrk_function)(char *, char *, int *, int *, void *, void *, int *,
                              void *, void *, int *);

/* NumPy's generator of random bits, as numpy/random/bitgen.h declares it. */
typedef struct {
    void *state;
    uint64_t (*next_uint64)(void *);
    uint32_t (*next_uint32)(void *);
    double (*next_double)(void *);
    uint64_t (*next_raw)(void *);
} bit_generator;

typedef struct {
    const char *data;
    ptrdiff_t stride; /* in bytes, from row to row */
    enum kind kind;
} column;

/* A column that is cut into bins. Of its T inputs all below x's bin are 1, all above
   are 0: their part of X W is a fraction of the way between two running sums. */
typedef struct {
    int32_t column;
    int32_t n_bins;
    int32_t first_edge; /* in `edges`, of n_bins + 1 */
    int32_t first_sum;  /* in `sums`, of n_bins + 1 */
} binned_column;

typedef struct {
    /* The numbers of X: the first inputs, read by products. */
    const column *numbers;
    int32_t n_numbers;
    int contiguous;         /* whether a row of them lies together, all of one kind */
    const double *fill;     /* for NaN, one a column; NULL where there is none */
    const double *mean;     /* of every input; NULL where inputs are as they are */
    const double *inverse;  /* 1 / scale */
    const void *mean_of_float, *inverse_of_float; /* the same as float */
    /* The other inputs, looked up: bins, then gaps, then categories. */
    const binned_column *binned;
    int32_t n_binned;
    const double *edges;
    const int32_t *gaps; /* columns whose gaps have an input */
    int32_t n_gaps;
    const column *codes; /* columns of categories; -1 for none */
    int32_t n_codes;
    int32_t n_bins, n_categories;
    int32_t n_index; /* what a row looks up: n_binned + n_gaps + n_codes */
    const int64_t *subset; /* rows that take part; NULL for all */
    /* Targets: a number or a code for each output, or one code a row. */
    const column *targets;
    int32_t n_targets;
    const void *target_table; /* target of each code; NULL where these are numbers */
    const void *weights;      /* of mean 1; NULL where all rows count alike */
} row_source;

typedef struct {
    int32_t fan_in, fan_out;
    enum activation activation;
    void *W, *b, *dW, *db;
    void *sum;   /* (fan_out,): db of the batch at hand */
    void *a;     /* (B, fan_out): z, then f(z); of the last layer the logits */
    void *slope; /* f'(z), of activations whose derivative needs z */
    void *delta; /* dC/da, then dC/dz; of the last layer transposed, (K, B) */
    void *mask, *kept;
} layer;

typedef struct {
    int wide; /* whether numbers are double */
    gemm_function gemm;
    syrk_function syrk;
    row_source source;
    layer *layers;
    int32_t n_layers;
    enum loss loss;
    double threshold, quantile; /* of Huber's loss and of quantiles */
    bit_generator *bits; /* of dropout; NULL for none */
    uint32_t dropout_least;
    double dropout_scale;
    uint16_t *draws; /* (B, widest layer), in scratch */
    ptrdiff_t n_rows, block_rows;
    ptrdiff_t n_weights, n_parameters;
    void *theta, *gradient;
    double penalty;
    /* Scratch. The rows of a batch, or of all blocks where they are kept. */
    int keeps_rows;
    int reads_in_place; /* whether blocks of X are inputs as they lie */
    ptrdiff_t n_kept;
    void *inputs;      /* (rows, n_numbers) */
    int32_t *indices;  /* (rows, n_index): rows of `sums`, or -1 */
    void *fractions;   /* (rows, n_binned) */
    void *all_Y, *all_w;
    void *Y;           /* (K, B) of the block at hand */
    void *w;           /* (B,) */
    void *row;         /* (2, B) */
    void *sums, *sums_gradient; /* (n_sums, fan_out of the first layer) */
    void *sums_of_block;        /* the gradient's part of one of several blocks */
    void *shift;       /* the first layer's bias, less the inputs' means */
    int32_t n_sums;
    /* For the curvature alone. */
    void *row_gradients; /* (B, n_parameters) */
    void *probabilities; /* (K, B) */
} pass;

typedef struct {
    enum rule rule;
    void *first, *second; /* velocity; or the two moments */
    double momentum;
    int nesterov;
    double beta_1, beta_2, epsilon, weight_decay;
    int64_t t; /* Adam's updates before */
} optimizer;

/* Lay out the scratch in `arena`; return its bytes. NULL asks for these alone. */
size_t scratchnn_place(pass *p, char *arena, int backward, int curvature);

/* Each of these goes over the rows from `start` to `stop`, which are ends of blocks, and
   finishes at the last row of all. The caller asks for them in order. */

/* Sum the loss, without penalty; begin the gradient at row 0, and add to it. */
double scratchnn_value_and_gradient(pass *p, ptrdiff_t start, ptrdiff_t stop);
double scratchnn_value(pass *p, ptrdiff_t start, ptrdiff_t stop);

/* Write the logits, (n_rows, K), or what the loss's link makes of them; and the targets
   where these are not NULL. Return whether all logits are finite. */
int scratchnn_outputs(pass *p, ptrdiff_t start, ptrdiff_t stop, void *out, void *targets,
                       int linked);

/* Add sum_i w_i J_i^T (d2C_i/dz2) J_i to G. */
void scratchnn_curvature(pass *p, ptrdiff_t start, ptrdiff_t stop, void *G);

/* Update once for each of the batches `first` to `last` - 1 of `n_batches`. Return the
   sum over rows of the loss; write the first gradient's norm where that is not NULL. */
double scratchnn_batches(pass *p, optimizer *o, const int64_t *order, ptrdiff_t first,
                         ptrdiff_t last, ptrdiff_t n_batches, const double *rates,
                         double max_norm, double *norm);

/* Return alpha / (2 n) |W|^2. */
double scratchnn_penalty(const pass *p);

/* One update from `gradient`; return its norm, where it is measured or limited. */
double scratchnn_step(pass *p, optimizer *o, double rate, double max_norm, int measure);

#endif
