/* Eigenvalues of Gram matrices in two stages, without eigenvectors; C with the vector extensions of GCC and Clang.

   W -> Gram matrix of its smaller side -> band of width L (blocked Householder reflections) -> L bands in the lanes of
   vectors -> tridiagonal (reflections that chase the bulge) -> eigenvalues (QL without square roots).

   A symmetric matrix of side n, padded with zeros to a multiple of L, is kept as vectors of L neighbouring columns:
   element (i, j) is lane j % L of A[j / L * n + i], for i >= j - j % L. Lanes never exchange numbers in the second half,
   and shorter matrices end where the longest ends, so that results do not depend on what the other lanes hold.

   Bischof, Lang & Sun 2000 (ACM TOMS 26, 581): two-stage reduction. Schreiber & Van Loan 1989 (SISSC 10, 53): products
   of reflections I - V T V^T. Parlett 1998 (The Symmetric Eigenvalue Problem, 8.14-8.15): QL of Pal, Walker and Kahan. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef L
#error "L, the lanes of a vector of doubles, must be 4 or 8"
#endif
#if L == 8 && defined(__AVX512F__)
#include <immintrin.h>
#define ROOT(x) ((vec)_mm512_sqrt_pd((__m512d)(x)))
#elif L == 4 && defined(__AVX__)
#include <immintrin.h>
#define ROOT(x) ((vec)_mm256_sqrt_pd((__m256d)(x)))
#else
#define ROOT(x) root_by_lane(x)
#endif
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

typedef double vec __attribute__((vector_size(8 * L), may_alias));
typedef int64_t mask __attribute__((vector_size(8 * L), may_alias));
#define INLINE static inline __attribute__((always_inline))
#define APART __attribute__((noinline))
#define EXPORT __attribute__((visibility("default")))

enum {
    Q = 3,       /* column vectors of a tile */
    DEPTH = 192, /* rows of W per pass of the Gram matrix: Q panels of them stay in the first cache */
    WIDE = 64,   /* panels that stay in the second */
    CHUNK = 8,   /* tiles between two products with their transposes */
    MOST = 40,   /* iterations for the smallest eigenvalue, and sweeps per eigenvalue */
};
static const double EPS = 2.220446049250313e-16;
static const double MODERATE = 0x1p400; /* up to it, and down to its inverse, Gram matrices may be squared again */
static const double LEAST = 1e-45; /* far below the rounding of matrices, whose entries are about 1; its square is no less
                                      than a divisor may be */

INLINE vec choose(mask which, vec yes, vec no) { return (vec)((which & (mask)yes) | (~which & (mask)no)); }
INLINE vec all(double x) { return x - (vec){0}; }
INLINE long padded(long n) { return (n + L - 1) / L * L; }
#if !((L == 8 && defined(__AVX512F__)) || (L == 4 && defined(__AVX__)))
INLINE vec root_by_lane(vec x) {
    for (int i = 0; i < L; i++) x[i] = sqrt(x[i]);
    return x;
}
#endif

EXPORT int lanes(void) { return L; }

/* tile[r][q] += sum over k of rows[k][r] columns[q][k], the microkernel of all products */
INLINE void add_outer(const int q, long depth, const double *rows, const vec *columns, long stride, vec tile[L][Q]) {
    for (long k = 0; k < depth; k++) {
        vec c[Q];
        UNROLL for (int b = 0; b < q; b++) c[b] = columns[b * stride + k];
        UNROLL for (int r = 0; r < L; r++) {
            double x = rows[k * L + r];
            UNROLL for (int b = 0; b < q; b++) tile[r][b] += x * c[b];
        }
    }
}

/* ---- Gram matrix ---- */

/* Panels of L columns of W in float64; adds the squares of each row to `sums` */
#define PACK(type)                                                                                                    \
    static void pack_##type(const type *w, long deep, long m, long down, long along, vec *panels, vec *sums) {        \
        for (long p = 0; p * L < m; p++) {                                                                            \
            vec *panel = panels + p * DEPTH;                                                                          \
            double *to = (double *)panel;                                                                             \
            const type *from = w + p * L * along;                                                                     \
            long width = m - p * L < L ? m - p * L : L;                                                               \
            if (width < L) memset(to, 0, sizeof(vec) * deep);                                                         \
            if (width == L && along == 1)                                                                             \
                for (long k = 0; k < deep; k++)                                                                       \
                    UNROLL for (int l = 0; l < L; l++) to[k * L + l] = from[k * down + l];                            \
            else if (width == L && down != 1)                                                                         \
                for (long k = 0; k < deep; k++)                                                                       \
                    UNROLL for (int l = 0; l < L; l++) to[k * L + l] = from[k * down + l * along];                    \
            else                                                                                                      \
                for (long l = 0; l < width; l++)                                                                      \
                    for (long k = 0; k < deep; k++) to[k * L + l] = from[k * down + l * along];                       \
            for (long k = 0; k < deep; k++) sums[k] = (p ? sums[k] : all(0)) + panel[k] * panel[k];                   \
        }                                                                                                             \
    }
PACK(float)
PACK(double)

INLINE void gram_tile(const int q, int first, long n, long deep, const vec *panels, long row, long column, vec *A) {
    vec tile[L][Q];
    vec *at = A + column * n + row * L;
    UNROLL for (int r = 0; r < L; r++)
        UNROLL for (int b = 0; b < q; b++) tile[r][b] = first ? all(0) : at[b * n + r];
    add_outer(q, deep, (const double *)(panels + row * DEPTH), panels + column * DEPTH, DEPTH, tile);
    UNROLL for (int r = 0; r < L; r++)
        UNROLL for (int b = 0; b < q; b++) at[b * n + r] = tile[r][b];
}

static APART void add_gram(int first, long n, long deep, const vec *panels, vec *A) {
    long blocks = n / L;
    for (long from = 0; from < blocks; from += WIDE) {
        long to = from + WIDE < blocks ? from + WIDE : blocks;
        for (long c = 0; c < to; c += Q)
            for (long r = from > c ? from : c; r < to; r++)
                if (r - c >= 2) gram_tile(3, first, n, deep, panels, r, c, A);
                else if (r - c == 1) gram_tile(2, first, n, deep, panels, r, c, A);
                else gram_tile(1, first, n, deep, panels, r, c, A);
    }
}

/* ---- full to band ---- */

#ifdef __clang__
#define MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define MIX(a, b, ...) __builtin_shuffle(a, b, (mask){__VA_ARGS__})
#endif
/* exchanges blocks of `step` rows and columns */
#define SWAP(step, low, high)                                                                                         \
    UNROLL for (int r = 0; r < L; r++) if (!(r & step)) {                                                             \
        vec a = x[r], b = x[r + step];                                                                                \
        x[r] = low(a, b);                                                                                             \
        x[r + step] = high(a, b);                                                                                     \
    }
#if L == 8
#define LOW_1(a, b) MIX(a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define HIGH_1(a, b) MIX(a, b, 1, 9, 3, 11, 5, 13, 7, 15)
#define LOW_2(a, b) MIX(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_2(a, b) MIX(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define LOW_4(a, b) MIX(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH_4(a, b) MIX(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#else
#define LOW_1(a, b) MIX(a, b, 0, 4, 2, 6)
#define HIGH_1(a, b) MIX(a, b, 1, 5, 3, 7)
#define LOW_2(a, b) MIX(a, b, 0, 1, 4, 5)
#define HIGH_2(a, b) MIX(a, b, 2, 3, 6, 7)
#endif

INLINE void transpose(const vec *from, vec *to) {
    vec x[L];
    UNROLL for (int r = 0; r < L; r++) x[r] = from[r];
    SWAP(1, LOW_1, HIGH_1)
    SWAP(2, LOW_2, HIGH_2)
#if L == 8
    SWAP(4, LOW_4, HIGH_4)
#endif
    UNROLL for (int r = 0; r < L; r++) to[r] = x[r];
}

/* P = (H_1 ... H_L) R of `rows` rows of L columns: R above the diagonal, vectors v below it, H = I - V T V^T */
static void factor_panel(long rows, vec *P, vec *T) {
    vec s = all(0);
    double *p = (double *)P;
    for (long i = 1; i < rows; i++) s += p[i * L] * P[i];
    for (int c = 0; c < L; c++) {
        double alpha = p[c * L + c], rest = s[c], beta = alpha, tau = 0, inverse = 0;
        if (rest > 0) {
            beta = -copysign(sqrt(alpha * alpha + rest), alpha);
            tau = (beta - alpha) / beta;
            inverse = 1 / (alpha - beta);
        }
        vec z = P[c] + inverse * s, w = all(0), scales = all(1), next[4] = {all(0), all(0), all(0), all(0)};
        double t[L] = {0};
        for (int a = 0; a < c; a++)
            for (int b = a; b < c; b++) t[a] -= tau * T[a][b] * z[b];
        t[c] = tau;
        for (int a = 0; a < L; a++) T[a][c] = t[a];
        for (int a = c + 1; a < L; a++) w[a] = tau * z[a];
        scales[c] = inverse;
        P[c] -= w;
        p[c * L + c] = beta;
        long i = c + 1, d = c + 1 < L ? c + 1 : c;
        if (i < rows) { /* the pivot row of the next column counts for no sum */
            P[i] = P[i] * scales - (p[i * L + c] * inverse) * w;
            i++;
        }
        for (; i + 4 <= rows; i += 4)
            UNROLL for (int u = 0; u < 4; u++) {
                vec x = P[i + u] * scales - (p[(i + u) * L + c] * inverse) * w;
                P[i + u] = x;
                next[u] += p[(i + u) * L + d] * x;
            }
        for (; i < rows; i++) {
            P[i] = P[i] * scales - (p[i * L + c] * inverse) * w;
            next[0] += p[i * L + d] * P[i];
        }
        s = (next[0] + next[1]) + (next[2] + next[3]);
    }
}

typedef struct {
    long n;               /* padded side */
    vec *A, *T;           /* T of each panel, L vectors */
    vec *V_t, *X_t;       /* of the update that is due: each block of L rows transposed; X negative */
    vec *Y, *X;           /* A V, and what follows from it */
    vec *panels, *sums;   /* of W, and of the squares of its rows */
    vec *basis;           /* of the space of the smallest eigenvalues */
    vec *image;           /* W times it */
    double *factor;       /* Cholesky's, of the band */
} Work;

static vec *aligned(void *memory) { return (vec *)(((uintptr_t)memory + 63) & ~(uintptr_t)63); }

static Work at(long m, void *memory) {
    long n = padded(m);
    Work w = {.n = n, .A = aligned(memory)};
    w.T = w.A + n * n / L;
    w.V_t = w.T + n;
    w.X_t = w.V_t + n;
    w.Y = w.X_t + n;
    w.X = w.Y + n;
    w.panels = w.X + n;
    w.sums = w.panels + n / L * DEPTH;
    w.basis = w.sums + DEPTH;
    w.factor = (double *)(w.basis + n + L);
    w.image = (vec *)(w.factor + (n + L) * (L + 1));
    return w;
}

/* Memory for `reduce` with matrices of these sides, the larger first */
EXPORT int64_t reduction_bytes(int64_t larger, int64_t m) {
    long n = padded(m);
    return 8 * L * (n * n / L + 6 * n + n / L * DEPTH + DEPTH + L + larger) + 8 * (n + L) * (L + 1) + 64;
}

/* The update that is due of q tiles of each block row from `row` to `end` */
INLINE void update(const int q, const Work *w, long row, long end, long column) {
    const vec *X_t = w->X_t, *V_t = w->V_t;
    long n = w->n;
    for (vec *a = w->A + column * n; row < end; row++) {
        vec tile[L][Q];
        UNROLL for (int r = 0; r < L; r++)
            UNROLL for (int b = 0; b < q; b++) tile[r][b] = a[b * n + row * L + r];
        add_outer(q, L, (const double *)(X_t + row * L), V_t + column * L, L, tile);
        add_outer(q, L, (const double *)(V_t + row * L), X_t + column * L, L, tile);
        UNROLL for (int r = 0; r < L; r++)
            UNROLL for (int b = 0; b < q; b++) a[b * n + row * L + r] = tile[r][b];
    }
}

/* Y of these rows += A V over q tiles, in two sums, so that one product need not wait for the last */
INLINE void add_rows(const int q, const Work *w, const vec *V, long row, long end, long column) {
    const vec *a = w->A + column * w->n;
    long n = w->n;
    V += column * L;
    for (vec *Y = w->Y; row < end; row++) {
        vec y[L], odd[L];
        UNROLL for (int r = 0; r < L; r++) y[r] = odd[r] = all(0);
        UNROLL for (int b = 0; b < q; b++) {
            const double *x = (const double *)(a + b * n + row * L);
            UNROLL for (int l = 0; l < L; l += 2) {
                vec v = V[b * L + l], next = V[b * L + l + 1];
                UNROLL for (int r = 0; r < L; r++) {
                    y[r] += x[r * L + l] * v;
                    odd[r] += x[r * L + l + 1] * next;
                }
            }
        }
        UNROLL for (int r = 0; r < L; r++) Y[row * L + r] += y[r] + odd[r];
    }
}

/* Sums for Y of these columns, transposed, += V^T A over the rows */
INLINE void add_columns(const int q, const Work *w, const vec *V, long row, long end, long column, vec sums[Q][L]) {
    vec tile[L][Q];
    UNROLL for (int r = 0; r < L; r++) UNROLL for (int b = 0; b < q; b++) tile[r][b] = all(0);
    add_outer(q, (end - row) * L, (const double *)(V + row * L), w->A + column * w->n + row * L, w->n, tile);
    UNROLL for (int r = 0; r < L; r++) UNROLL for (int b = 0; b < q; b++) sums[b][r] += tile[r][b];
}

/* functions of their own, so that tiles stay in registers */
#define TILES(q)                                                                                                      \
    static APART void update_##q(const Work *w, long row, long end, long column) { update(q, w, row, end, column); }  \
    static APART void add_rows_##q(const Work *w, const vec *V, long row, long end, long column) {                    \
        add_rows(q, w, V, row, end, column);                                                                          \
    }                                                                                                                 \
    static APART void add_columns_##q(const Work *w, const vec *V, long row, long end, long column, vec sums[Q][L]) { \
        add_columns(q, w, V, row, end, column, sums);                                                                 \
    }
TILES(1)
TILES(2)
TILES(3)

/* Y = A V for the block rows and columns from `from` on, and before it the update of A that is due */
static void pass(int due, const Work *w, const vec *V, long from) {
    long blocks = w->n / L;
    memset(w->Y + from * L, 0, sizeof(vec) * (w->n - from * L));
    for (long c = from; c < blocks; c += Q) {
        vec sums[Q][L];
        memset(sums, 0, sizeof sums);
        if (due) update_1(w, c, c + 1, c);
        add_rows_1(w, V, c, c + 1, c);
        if (c + 1 < blocks) {
            if (due) update_2(w, c + 1, c + 2, c);
            add_rows_2(w, V, c + 1, c + 2, c);
            add_columns_1(w, V, c + 1, c + 2, c, sums);
        }
        if (c + 2 < blocks) {
            if (due) update_3(w, c + 2, c + 3, c);
            add_rows_3(w, V, c + 2, c + 3, c);
            add_columns_2(w, V, c + 2, c + 3, c, sums);
        }
        for (long r = c + 3; r < blocks; r += CHUNK) { /* what is written is read again from the first cache */
            long end = r + CHUNK < blocks ? r + CHUNK : blocks;
            if (due) update_3(w, r, end, c);
            add_rows_3(w, V, r, end, c);
            add_columns_3(w, V, r, end, c, sums);
        }
        for (long b = 0; b < Q && c + b < blocks; b++) {
            transpose(sums[b], sums[b]);
            for (int l = 0; l < L; l++) w->Y[(c + b) * L + l] += sums[b][l];
        }
    }
}

/* X = -(Y T - V (T^T V^T Y T) / 2), for A - V X^T - X V^T; and both transposed by blocks */
static void next_update(const Work *w, const vec *V, const vec *T, long from) {
    vec S[L][Q], M[L];
    for (long i = from * L; i < w->n; i++) {
        const double *y = (const double *)(w->Y + i);
        vec x = all(0);
        UNROLL for (int c = 0; c < L; c++) x -= y[c] * T[c];
        w->X[i] = x;
    }
    for (int c = 0; c < L; c++) S[c][0] = M[c] = all(0);
    add_outer(1, w->n - from * L, (const double *)(V + from * L), w->X + from * L, 0, S);
    for (int c = 0; c < L; c++)
        for (int a = 0; a <= c; a++) M[c] = M[c] + T[a][c] * S[a][0];
    for (int c = 0; c < L; c++) M[c] *= 0.5;
    for (long i = from * L; i < w->n; i++) {
        const double *v = (const double *)(V + i);
        vec x = w->X[i];
        UNROLL for (int c = 0; c < L; c++) x -= v[c] * M[c];
        w->X[i] = x;
    }
    for (long i = from * L; i < w->n; i += L) {
        transpose(V + i, w->V_t + i);
        transpose(w->X + i, w->X_t + i);
    }
}

/* band[j][d] = element (j + d, j), d = 0 ... L */
static void to_band(const Work *w, double *band) {
    long n = w->n, blocks = n / L;
    memset(band, 0, sizeof(double) * n * (L + 1));
    for (long J = 0; J < blocks; J++) {
        vec *column = w->A + J * n, *V = column, *T = w->T + J * L;
        if (J) update_1(w, J, blocks, J);
        for (int c = 0; c < L; c++)
            for (int i = c; i < L; i++) band[(J * L + c) * (L + 1) + i - c] = column[J * L + i][c];
        if (J + 1 == blocks) break;
        vec *below = column + (J + 1) * L;
        factor_panel(n - (J + 1) * L, below, T);
        for (int c = 0; c < L; c++)
            for (int i = 0; i <= c; i++) {
                band[(J * L + c) * (L + 1) + L + i - c] = below[i][c];
                below[i][c] = i == c;
            }
        pass(J > 0, w, V, J + 1);
        next_update(w, V, T, J + 1);
    }
}

typedef struct {
    const void *W;
    int wide;                       /* float64, not float32 */
    int64_t rows, m, down, along;   /* rows >= m; strides in elements */
} Matrix;

/* The Gram matrix; returns 0 where its entries leave float64, or W has empty rows or columns that hide its rank */
static int gram(const Matrix *x, const Work *w) {
    double total = 0, least = INFINITY;
    long filled = 0;
    for (long k = 0; k < x->rows; k += DEPTH) {
        long deep = x->rows - k < DEPTH ? x->rows - k : DEPTH;
        if (x->wide) pack_double((const double *)x->W + k * x->down, deep, x->m, x->down, x->along, w->panels, w->sums);
        else pack_float((const float *)x->W + k * x->down, deep, x->m, x->down, x->along, w->panels, w->sums);
        add_gram(k == 0, w->n, deep, w->panels, w->A);
        for (long i = 0; i < deep; i++) {
            double sum = 0;
            for (int l = 0; l < L; l++) sum += w->sums[i][l];
            w->image[k + i][0] = sum;
            total += sum;
        }
    }
    if (!(total > 1 / MODERATE && total < MODERATE)) return 0;
    double bound = EPS * EPS * total / x->m;
    for (long i = 0; i < x->rows; i++) filled += w->image[i][0] > bound;
    for (long j = 0; j < x->m; j++) {
        double here = w->A[j / L * w->n + j][j % L];
        least = here < least ? here : least;
    }
    return filled >= x->m && least > bound;
}

/* ---- the smallest eigenvalue, where the Gram matrix has lost its digits ---- */

/* Lower Cholesky factor of a band in place; 0 if it is not positive definite */
static int factor_band(long n, double *band) {
    for (long j = 0; j < n; j++) {
        double *column = band + j * (L + 1);
        if (!(column[0] > 0)) return 0;
        double pivot = sqrt(column[0]);
        for (int d = 0; d <= L; d++) column[d] /= pivot;
        for (int d = 1; d <= L && j + d < n; d++)
            for (int e = d; e <= L; e++) column[d * (L + 1) + e - d] -= column[d] * column[e];
    }
    return 1;
}

/* X <- its product with the inverse; X has L rows beyond n */
static void solve_band(long n, const double *factor, vec *X) {
    for (long j = 0; j < n; j++) {
        const double *column = factor + j * (L + 1);
        X[j] /= column[0];
        UNROLL for (int d = 1; d <= L; d++) X[j + d] -= column[d] * X[j];
    }
    for (int d = 0; d < L; d++) X[n + d] = all(0);
    for (long j = n - 1; j >= 0; j--) {
        const double *column = factor + j * (L + 1);
        vec x = X[j];
        UNROLL for (int d = L; d > 0; d--) x -= column[d] * X[j + d];
        X[j] = x / column[0];
    }
}

/* Gram-Schmidt of the L columns of X */
static void orthonormalise(long n, vec *X) {
    double *x = (double *)X;
    for (int c = 0; c < L; c++) {
        vec s = all(0), scales = all(1), w = all(0);
        for (long i = 0; i < n; i++) s += x[i * L + c] * X[i];
        double inverse = s[c] > 0 ? 1 / sqrt(s[c]) : 0;
        for (int a = c + 1; a < L; a++) w[a] = s[a] * inverse;
        scales[c] = inverse;
        for (long i = 0; i < n; i++) X[i] = X[i] * scales - (x[i * L + c] * inverse) * w;
    }
}

/* The largest eigenvalue of X^T Y, of L columns, by the trace of its sixteenth power */
static double largest_ritz(long n, const vec *X, const vec *Y) {
    vec S[L][Q];
    double unit = 0, trace = 0;
    for (int c = 0; c < L; c++) S[c][0] = all(0);
    add_outer(1, n, (const double *)X, Y, 0, S);
    for (int c = 0; c < L; c++) unit += S[c][0][c];
    for (int c = 0; c < L; c++) S[c][0] /= unit;
    for (int times = 0; times < 4; times++) {
        vec square[L];
        for (int r = 0; r < L; r++) square[r] = all(0);
        for (int r = 0; r < L; r++)
            for (int c = 0; c < L; c++) square[r] = square[r] + S[r][0][c] * S[c][0];
        for (int r = 0; r < L; r++) S[r][0] = square[r];
    }
    for (int c = 0; c < L; c++) trace += S[c][0][c];
    return unit * pow(trace, 1. / 16);
}

/* Block inverse iteration with the band: an upper bound of the smallest eigenvalue in any case, that itself to
   1e-12 (*settled), as long as it is not clear that it is above `enough`; 0 if the band is not positive definite */
static double smallest(long m, const Work *w, double enough, int *settled) {
    vec *X = w->basis;
    uint64_t random = 1;
    double value = 0;
    *settled = 0;
    if (!factor_band(m, w->factor)) return 0;
    for (long i = 0; i < w->n + L; i++) {
        X[i] = all(0);
        for (int c = 0; i < m && c < L && c < m; c++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            X[i][c] = (double)(int64_t)random;
        }
    }
    for (int times = 0; times < MOST && !*settled; times++) {
        orthonormalise(m, X);
        memcpy(w->Y, X, sizeof(vec) * m);
        solve_band(m, w->factor, X);
        double last = value;
        value = 1 / largest_ritz(m, w->Y, X);
        if (!(value > 0)) return 0;
        if (times > 2 && value > enough) break;
        *settled = fabs(value - last) <= 1e-12 * value;
    }
    return value;
}

/* The space of the band's vectors as one of the Gram matrix's: Q_1 Q_2 ... X with Q = I - V T V^T */
static void turn(const Work *w, vec *X) {
    for (long J = w->n / L - 2; J >= 0; J--) {
        long from = (J + 1) * L;
        const vec *V = w->A + J * w->n, *T = w->T + J * L;
        vec S[L][Q], M[L];
        for (int c = 0; c < L; c++) S[c][0] = M[c] = all(0);
        add_outer(1, w->n - from, (const double *)(V + from), X + from, 0, S);
        for (int a = 0; a < L; a++)
            for (int c = a; c < L; c++) M[a] = M[a] + T[a][c] * S[c][0];
        for (long i = from; i < w->n; i++) {
            const double *v = (const double *)(V + i);
            vec x = X[i];
            UNROLL for (int c = 0; c < L; c++) x -= v[c] * M[c];
            X[i] = x;
        }
    }
}

/* Smallest squared singular value of the triangle R that Gram-Schmidt makes of `count` columns, by one-sided Jacobi */
static double smallest_of_columns(long rows, int count, vec *Y) {
    double R[L][L] = {{0}}, least = INFINITY; /* R[c]: column c */
    const double *y = (const double *)Y;
    for (int c = 0; c < count; c++) {
        vec s = all(0), w = all(0), scales = all(1);
        for (long i = 0; i < rows; i++) s += y[i * L + c] * Y[i];
        double norm = sqrt(s[c]), inverse = norm > 0 ? 1 / norm : 0;
        R[c][c] = norm;
        for (int a = c + 1; a < count; a++) R[a][c] = w[a] = s[a] * inverse;
        scales[c] = inverse;
        for (long i = 0; i < rows; i++) Y[i] = Y[i] * scales - (y[i * L + c] * inverse) * w;
    }
    for (int sweep = 0; sweep < 20; sweep++)
        for (int a = 0; a < count; a++)
            for (int b = a + 1; b < count; b++) {
                double p = 0, q = 0, r = 0;
                for (int i = 0; i < count; i++) p += R[a][i] * R[a][i], q += R[b][i] * R[b][i], r += R[a][i] * R[b][i];
                if (r * r <= EPS * EPS * p * q) continue;
                double zeta = (q - p) / (2 * r), t = copysign(1 / (fabs(zeta) + sqrt(1 + zeta * zeta)), zeta);
                double cosine = 1 / sqrt(1 + t * t), sine = cosine * t;
                for (int i = 0; i < count; i++) {
                    double left = R[a][i], right = R[b][i];
                    R[a][i] = cosine * left - sine * right;
                    R[b][i] = sine * left + cosine * right;
                }
            }
    for (int c = 0; c < count; c++) {
        double sum = 0;
        for (int i = 0; i < count; i++) sum += R[c][i] * R[c][i];
        least = sum < least ? sum : least;
    }
    return least;
}

#define IMAGE(type)                                                                                                   \
    static void image_##type(const type *W, const Matrix *x, const Work *w) {                                         \
        for (long i = 0; i < x->rows; i++) {                                                                          \
            const type *row = W + i * x->down;                                                                        \
            vec y[4] = {all(0), all(0), all(0), all(0)};                                                              \
            long j = 0;                                                                                               \
            for (; j + 4 <= x->m; j += 4)                                                                             \
                UNROLL for (int u = 0; u < 4; u++) y[u] += (double)row[(j + u) * x->along] * w->basis[j + u];         \
            for (; j < x->m; j++) y[0] += (double)row[j * x->along] * w->basis[j];                                    \
            w->image[i] = (y[0] + y[1]) + (y[2] + y[3]);                                                              \
        }                                                                                                             \
    }
IMAGE(float)
IMAGE(double)

/* The smallest eigenvalue by the Rayleigh quotients of W itself in the space of `smallest`, whose error they square */
static double by_rayleigh(const Matrix *x, const Work *w) {
    orthonormalise(x->m, w->basis);
    turn(w, w->basis);
    orthonormalise(x->m, w->basis);
    if (x->wide) image_double(x->W, x, w);
    else image_float(x->W, x, w);
    return smallest_of_columns(x->rows, x->m < L ? (int)x->m : L, w->image);
}

/* Largest sum of the magnitudes in a row, which no eigenvalue exceeds */
static double norm_of_band(long n, const double *band, double *sums) {
    double most = 0;
    memset(sums, 0, sizeof(double) * (n + L));
    for (long j = 0; j < n; j++)
        for (int d = 0; d <= L; d++) {
            double here = fabs(band[j * (L + 1) + d]);
            sums[j] += here;
            if (d && j + d < n) sums[j + d] += here;
        }
    for (long j = 0; j < n; j++) most = sums[j] > most ? sums[j] : most;
    return most;
}

/* The bands [slices][m padded][L + 1] of the Gram matrices of W [slices][rows][m], and for each slice what is known of
   its smallest eigenvalue: an upper bound of it or -1 (empty rows or columns, or squares that leave float64: no band),
   the norm of the band, and the value by W itself (-1 where it does not settle, NaN where it is not asked for, because it
   is above `safe` times the norm or above the lowest so far). */
EXPORT void reduce(const void *W, int wide, const int64_t *shape, const int64_t *strides, double safe, double *lowest,
                   double *bands, double *known, void *memory) {
    Work w = at(shape[2], memory);
    for (long s = 0; s < shape[0]; s++, known += 3, bands += w.n * (L + 1)) {
        Matrix x = {(const char *)W + s * strides[0] * (wide ? 8 : 4), wide, shape[1], shape[2], strides[1], strides[2]};
        int settled = 0;
        known[0] = known[1] = -1;
        known[2] = NAN;
        if (!gram(&x, &w)) continue;
        to_band(&w, bands);
        known[1] = norm_of_band(w.n, bands, (double *)w.Y);
        memcpy(w.factor, bands, sizeof(double) * w.n * (L + 1));
        memset(w.factor + w.n * (L + 1), 0, sizeof(double) * L * (L + 1));
        known[0] = smallest(x.m, &w, 100 * safe * known[1], &settled);
        if (known[0] > safe * known[1] || known[0] > *lowest) continue;
        *lowest = known[0];
        known[2] = settled ? by_rayleigh(&x, &w) : -1;
    }
}

/* ---- L bands to tridiagonal, one in each lane: element (i, j) of a lane is A[j * 2 L + i - j] ---- */

typedef struct {
    vec v[L], tau, beta; /* I - tau v v^T takes x to beta in its first place; v[0] is 1 */
} Reflection;

INLINE Reflection reflection(const vec *x) {
    Reflection h;
    vec alpha = x[0], rest = x[1] * x[1];
    UNROLL for (int i = 2; i < L; i++) rest += x[i] * x[i];
    mask some = rest > all(LEAST * LEAST * LEAST * LEAST);
    vec norm = ROOT(alpha * alpha + rest);
    vec beta = choose(alpha > all(0), -norm, norm);
    vec first = alpha - beta;
    vec both = 1 / choose(some, first * beta, all(1));
    vec inverse = choose(some, beta * both, all(0));
    h.tau = choose(some, -first * first * both, all(0));
    h.beta = choose(some, beta, alpha);
    h.v[0] = all(1);
    UNROLL for (int i = 1; i < L; i++) h.v[i] = x[i] * inverse;
    return h;
}

/* D <- H D H of the L rows and columns from A on */
INLINE void turn_diagonal(vec *A, const Reflection *h) {
    vec y[L], half = all(0);
    UNROLL for (int i = 0; i < L; i++) y[i] = all(0);
    UNROLL for (int j = 0; j < L; j++) {
        const vec *column = A + j * 2 * L;
        y[j] += column[0] * h->v[j];
        UNROLL for (int i = j + 1; i < L; i++) {
            y[i] += column[i - j] * h->v[j];
            y[j] += column[i - j] * h->v[i];
        }
    }
    UNROLL for (int i = 0; i < L; i++) {
        y[i] *= h->tau;
        half += y[i] * h->v[i];
    }
    half *= 0.5 * h->tau;
    UNROLL for (int i = 0; i < L; i++) y[i] -= half * h->v[i];
    UNROLL for (int j = 0; j < L; j++)
        UNROLL for (int i = j; i < L; i++) A[j * 2 * L + i - j] -= h->v[i] * y[j] + y[i] * h->v[j];
}

/* B <- G B H of the rows below, where G, which is returned in h, empties the first column of B H */
INLINE void turn_below(vec *A, Reflection *h) {
    vec z[L], v[L], x[L];
    UNROLL for (int i = 0; i < L; i++) z[i] = all(0);
    UNROLL for (int j = 0; j < L; j++) v[j] = h->v[j];
    UNROLL for (int j = 0; j < L; j++)
        UNROLL for (int i = 0; i < L; i++) z[i] += A[j * 2 * L + L + i - j] * v[j];
    UNROLL for (int i = 0; i < L; i++) {
        z[i] *= h->tau;
        x[i] = A[L + i] - z[i];
    }
    *h = reflection(x);
    A[L] = h->beta;
    UNROLL for (int i = 1; i < L; i++) A[L + i] = all(0);
    UNROLL for (int j = 1; j < L; j++) {
        vec *column = A + j * 2 * L + L - j, sum = all(0), c[L];
        UNROLL for (int i = 0; i < L; i++) {
            c[i] = column[i] - z[i] * v[j];
            sum += h->v[i] * c[i];
        }
        sum *= h->tau;
        UNROLL for (int i = 0; i < L; i++) column[i] = c[i] - h->v[i] * sum;
    }
}

static void to_tridiagonal(long n, vec *A) {
    for (long s = 0; s + 2 < n; s++) {
        vec *column = A + s * 2 * L;
        Reflection h = reflection(column + 1);
        column[1] = h.beta;
        for (int d = 2; d <= L; d++) column[d] = all(0);
        for (long r = s + 1; r < n; r += L) {
            turn_diagonal(A + r * 2 * L, &h);
            if (r + L < n) turn_below(A + r * 2 * L, &h);
        }
    }
}

/* ---- tridiagonal to eigenvalues: d and the squares e beside it, H vectors of lanes at each place ---- */

/* The shift of Wilkinson for the two rows from each lane's first on */
INLINE vec shift(vec p, vec beside, vec next) {
    vec root = ROOT(beside + LEAST * LEAST), half = (next - p) / (2 * root), length = ROOT(half * half + 1);
    return p - root / (half + choose(half < all(0), -length, length));
}

INLINE vec away_from_zero(vec x, vec least) { return choose((x < least) & (x > -least), least, x); }

/* QL without square roots. Lanes from `start` to n - 1; every step takes all lanes that it reaches. The recurrence is
   that of LAPACK's dsterf with one division: with q = 1 / (R P), c = P^2 q, s = B P q, and with t = P (d - shift) - B g
   the next g = t P q and P = t^2 q. */
INLINE int ql(const int H, long n, int count, const long *start, vec *d, vec *e, double *const *values) {
    const int lanes = H * L;
    double tiny[2 * L];
    long first[2 * L];
    for (int k = 0; k < lanes; k++) {
        double size = 0;
        for (long i = start[k]; i < n; i++) {
            double here = fabs(((double *)d)[i * lanes + k]) + 2 * sqrt(((double *)e)[i * lanes + k]);
            if (here > size) size = here;
        }
        tiny[k] = size * size * EPS * EPS / 4096;
        first[k] = start[k];
    }
    for (long sweep = 0; sweep <= MOST * n; sweep++) {
        long low = n, high = 0;
        vec p[2], beside[2], next[2], sigma[2], S[2], g[2], P[2];
        mask from[2];
        for (int k = 0; k < lanes; k++) {
            const double *x = (const double *)d + k, *y = (const double *)e + k;
            long l = first[k];
            while (l < n - 1) {
                double here = y[l * lanes];
                if (!(here <= tiny[k] + EPS * EPS * fabs(x[l * lanes] * x[(l + 1) * lanes]))) break;
                l++;
            }
            int left = l < n - 1;
            if (!left && first[k] < n && k < count) /* from here on the lane holds nothing that counts */
                for (long i = start[k]; i < n; i++) values[k][i - start[k]] = x[i * lanes];
            first[k] = left ? l : n;
            if (left && l < low) low = l;
            if (left && l > high) high = l;
            p[k / L][k % L] = left ? x[l * lanes] : 0;
            beside[k / L][k % L] = left ? y[l * lanes] : 1;
            next[k / L][k % L] = left ? x[(l + 1) * lanes] : 0;
            from[k / L][k % L] = first[k];
        }
        if (low == n) return 1;
        for (int h = 0; h < H; h++) {
            sigma[h] = shift(p[h], beside[h], next[h]);
            S[h] = all(0);
            g[h] = away_from_zero(d[(n - 1) * H + h] - sigma[h], all(LEAST));
            P[h] = g[h] * g[h];
        }
        long i = n - 2;
        for (; i >= high; i--)
            UNROLL for (int h = 0; h < H; h++) {
                vec B = e[i * H + h] + LEAST * LEAST, R = P[h] + B, a = d[i * H + h], old = g[h];
                vec q = 1 / (R * P[h]), pq = P[h] * q;
                vec t = away_from_zero(P[h] * (a - sigma[h]) - B * old, R * LEAST);
                e[(i + 1) * H + h] = S[h] * R;
                S[h] = B * pq;
                g[h] = t * pq;
                d[(i + 1) * H + h] = old + (a - g[h]);
                P[h] = t * t * q;
            }
        for (; i >= low; i--)
            UNROLL for (int h = 0; h < H; h++) {
                mask here = from[h] <= i;
                vec B = e[i * H + h] + LEAST * LEAST, R = P[h] + B, a = d[i * H + h], old = g[h];
                vec q = 1 / (R * P[h]), pq = P[h] * q;
                vec t = away_from_zero(P[h] * (a - sigma[h]) - B * old, R * LEAST);
                e[(i + 1) * H + h] = choose(here, S[h] * R, e[(i + 1) * H + h]);
                S[h] = choose(here, B * pq, S[h]);
                g[h] = choose(here, t * pq, g[h]);
                d[(i + 1) * H + h] = choose(here, old + (a - g[h]), d[(i + 1) * H + h]);
                P[h] = choose(here, t * t * q, P[h]);
            }
        for (int h = 0; h < H; h++) {
            vec last = S[h] * P[h], value = sigma[h] + g[h];
            for (int l = 0; l < L; l++)
                if (first[h * L + l] < n) {
                    ((double *)e)[first[h * L + l] * lanes + h * L + l] = last[l];
                    ((double *)d)[first[h * L + l] * lanes + h * L + l] = value[l];
                }
        }
    }
    return 0;
}
static int ql_1(long n, int count, const long *start, vec *d, vec *e, double *const *values) {
    return ql(1, n, count, start, d, e, values);
}
static int ql_2(long n, int count, const long *start, vec *d, vec *e, double *const *values) {
    return ql(2, n, count, start, d, e, values);
}

EXPORT int64_t finish_bytes(int64_t n) { return 8 * L * ((n + 2 * L) * 2 * L + 4 * n) + 64; }

/* Eigenvalues of up to 2 L bands of these sides, unsorted; 0 if they do not converge */
EXPORT int finish(int count, const int64_t *sides, const double *const *bands, double *const *values, void *memory) {
    long n = 0, start[2 * L];
    int exponents[2 * L] = {0};
    for (int k = 0; k < count; k++)
        if (sides[k] > n) n = sides[k];
    int H = count > L ? 2 : 1;
    vec *A = aligned(memory), *d = A + (n + 2 * L) * 2 * L, *e = d + 2 * n;
    for (int h = 0; h < H; h++) {
        memset(A, 0, sizeof(vec) * (n + 2 * L) * 2 * L);
        for (int l = 0; l < L; l++) {
            int k = h * L + l;
            start[k] = k < count ? n - sides[k] : n - 1;
            if (k >= count) continue;
            double most = 0;
            for (long j = 0; j < sides[k] * (L + 1); j++) most = fabs(bands[k][j]) > most ? fabs(bands[k][j]) : most;
            frexp(most, exponents + k);
            double scale = ldexp(1, -exponents[k]);
            for (long j = 0; j < sides[k]; j++)
                for (int b = 0; b <= L; b++)
                    ((double *)A)[((start[k] + j) * 2 * L + b) * L + l] = scale * bands[k][j * (L + 1) + b];
        }
        to_tridiagonal(n, A);
        for (long i = 0; i < n; i++) {
            d[i * H + h] = A[i * 2 * L];
            e[i * H + h] = A[i * 2 * L + 1] * A[i * 2 * L + 1];
        }
    }
    int done = H == 1 ? ql_1(n, count, start, d, e, values) : ql_2(n, count, start, d, e, values);
    for (int k = 0; k < count; k++)
        for (long i = 0; i < sides[k]; i++) values[k][i] = ldexp(values[k][i], exponents[k]);
    return done;
}

/* Whether second differences have their eigenvalues, 2 - 2 cos((2 k - 1) pi / (2 n + 1)); run once after the build */
EXPORT int check(void) {
    enum { N = 3 * L + 1 };
    static float W[N * N];
    static double memory[N * N + 16 * 1024], bands[4 * L * (L + 1)], values[N];
    double known[3], lowest = INFINITY, *value = values;
    const double *band = bands;
    int64_t shape[3] = {1, N, N}, strides[3] = {0, N, 1}, side = N;
    for (int i = 0; i < N; i++) {
        W[i * N + i] = 1;
        if (i) W[i * N + i - 1] = -1;
    }
    if (reduction_bytes(N, N) > (int64_t)sizeof memory || finish_bytes(N) > (int64_t)sizeof memory) return 0;
    reduce(W, 0, shape, strides, 1, &lowest, bands, known, memory);
    if (known[0] < 0 || !finish(1, &side, &band, &value, memory)) return 0;
    for (int k = 1; k <= N; k++) {
        double expected = 2 - 2 * cos((2 * k - 1) * 3.14159265358979323846 / (2 * N + 1)), nearest = INFINITY;
        for (int i = 0; i < N; i++) nearest = fmin(nearest, fabs(values[i] - expected));
        if (k == 1) nearest = fmax(nearest, fabs(known[2] - expected));
        if (!(nearest < 1e-13)) return 0;
    }
    return 1;
}
