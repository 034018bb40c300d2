"""The columns of the table of spectra, in order, each with its definition and unit.

lambda: eigenvalues of W^T W, undivided, of all slices pooled. WeightWatcher's columns take `ww_scale` x
lambda.
"""

IDENTITY = {
    "layer": "name in the state dict, without `.weight`",
    "part": "`weight`, `q`, `k`, `v` of a fused attention weight, or `expert0` and so on",
    "matrix": "`before`, `after` or `delta` (after minus before)",
    "role": "`head` (the new classifier) or `hidden`",
    "kind": "`linear`, `embedding`, `conv1d`, `conv2d`, `conv3d` or `depthwise`",
    "status": "`ok`, or why the matrix is not measured",
    "alpha_status": "`ok`, or why there is no `alpha`",
}

WATCHER = {
    "N": "larger side of a slice",
    "M": "smaller side of a slice",
    "Q": "N / M",
    "rf": "number of slices (kernel positions)",
    "num_evals": "number of eigenvalues, all slices",
    "ww_scale": "factor on lambda in WeightWatcher's columns: 0.5 for conv2d, 1 else",
    "alpha": "exponent of the power law above `xmin`, which is searched over all eigenvalues above 1e-5",
    "xmin": "smallest eigenvalue of the tail",
    "xmax": "largest eigenvalue",
    "D": "Kolmogorov distance of the tail to the power law",
    "sigma": "(alpha - 1) / sqrt(size of the tail), the standard error at fixed xmin",
    "num_pl_spikes": "number of eigenvalues >= xmin",
    "alpha_weighted": "alpha x log10 of the largest eigenvalue",
    "log_alpha_norm": "log10 of the sum of lambda^alpha",
    "norm": "sum of lambda, the squared Frobenius norm",
    "log_norm": "log10 of `norm`",
    "spectral_norm": "largest lambda",
    "log_spectral_norm": "log10 of `spectral_norm`",
    "stable_rank": "norm / spectral_norm",
    "matrix_rank": "number of singular values above the largest x N x 2.2e-16, all slices",
    "entropy": "-sum p ln p / ln(matrix_rank), p = lambda / norm + 1e-10",
    "sv_min": "smallest singular value",
    "sv_max": "largest singular value",
    "rank_loss": "sum over slices of M - rank",
    "sigma_mp": "scale of the fitted Marchenko-Pastur law, where the mean eigenvalue is 1",
    "bulk_min": "lower edge of the fitted law, (sigma_mp (1 - Q^-1/2))^2, in WeightWatcher's units: ww_scale x lambda",
    "bulk_max": "upper edge of the fitted law, in the same units",
    "num_spikes": "number of eigenvalues above bulk_max + sqrt(Tracy-Widom width), in WeightWatcher's units",
    "mp_softrank": "bulk_max / largest lambda",
    "max_rand_eval": "largest eigenvalue after permuting the entries (of five if they are fewer than 100)",
    "rand_distance": "Jensen-Shannon distance of the sorted eigenvalues to those of the permuted matrix",
    "ww_softrank": "largest eigenvalue of the permuted matrix / largest lambda",
}

OURS = {
    "log_stable_rank": "log10 of `stable_rank`",
    "rounding": "largest singular value that rounding the weights may give, by the rule below",
    "rank": "number of singular values above `rounding` and above numerical rank, all slices",
    "num_outliers": "eigenvalues above the 95 % Tracy-Widom edge of noise like the bulk, summed over slices; in an "
    "update empty unless the rest follows the Marchenko-Pastur law",
    "outlier_edge": "that edge, in units of lambda, mean over slices",
    "outlier_energy": "share of the outliers in the sum of lambda, mean over slices; in an update empty likewise",
    "noise_variance": "variance of the entries without the outliers, mean over slices",
    "mp_lower": "s^2 (sqrt(N) - sqrt(M))^2 with s^2 = noise_variance, in units of lambda, mean over slices",
    "mp_upper": "s^2 (sqrt(N) + sqrt(M))^2, the same",
    "effective_rank": "exp of the entropy of lambda / sum lambda, 1 to num_evals",
    "participation_ratio": "(sum lambda)^2 / sum lambda^2, 1 to num_evals",
    "hill_alpha": "1 + k / sum ln(lambda_i / lambda_(r-k)), k = floor(r / 2) of r nonzero eigenvalues",
    "spacing_ratio": "mean ratio of consecutive spacings, mean over slices; 0.531 random, 0.386 independent",
    "mp_kolmogorov": "Kolmogorov distance of lambda / (N noise_variance) to the Marchenko-Pastur law",
    "mp_wasserstein": "Wasserstein-1 distance of the same, in units of N noise_variance",
    "tail_alpha": "exponent of the power law with at least `tail_minimum` eigenvalues above xmin",
    "tail_xmin": "its xmin, in units of lambda",
    "tail_size": "number of eigenvalues in its tail",
    "tail_distance": "its Kolmogorov distance",
    "tail_sigma": "its standard error at fixed xmin",
    "tail_alpha_low": "lower end of the bootstrap interval of tail_alpha",
    "tail_alpha_high": "upper end of the bootstrap interval of tail_alpha",
    "tail_p": "goodness-of-fit p-value of the power law, as if eigenvalues were independent (iid)",
    "truncated_beta": "beta of p ~ x^-beta exp(-l x) on the tail of tail_alpha",
    "truncated_rate": "l of the same, in units of 1 / lambda, >= 0",
    "truncated_p": "likelihood-ratio p-value of l = 0: half of P(chi2_1 > 2 delta log L)",
    "lognormal_ratio": "Vuong's normalised log-likelihood ratio, power law over lognormal",
    "lognormal_p": "two-sided p-value of lognormal_ratio",
    "exponential_ratio": "the same over the exponential",
    "exponential_p": "two-sided p-value of exponential_ratio",
    "farms_alpha": "Hill exponent of pooled windows of one shape",
    "farms_rows": "larger side of the window",
    "farms_columns": "smaller side of the window",
    "farms_stride": "step of the window",
    "spectral_norm_error": "of an estimated matrix: an eigenvalue lies within this of `spectral_norm`",
    "effective_rank_error": "of an estimated matrix: standard error of `effective_rank`",
    "participation_ratio_error": "of an estimated matrix: standard error of `participation_ratio`",
    "phase": "phase of Martin & Mahoney, by the rule below",
}

DELTA = {
    "relative_norm": "Frobenius norm of delta over that of before",
    "kept_share": "c = <after, before> / <before, before>, what shrinkage alone has left of before",
    "log_free_norm": "log10 of the squared Frobenius norm of after - c before, the update without shrinkage",
    "overlap_vectors": "number k of leading singular vectors per slice",
    "overlap_before_left": "||U_k(delta)^T U_k(before)||_F^2 / k, left vectors, mean over slices",
    "overlap_before_right": "the same, right vectors",
    "overlap_after_left": "the same with after, left vectors",
    "overlap_after_right": "the same with after, right vectors",
    "overlap_random_left": "k / rows, the expectation for random spaces",
    "overlap_random_right": "k / columns",
}

COLUMNS = {**IDENTITY, **WATCHER, **OURS, **DELTA}
TEXT = {*IDENTITY, "phase"}
