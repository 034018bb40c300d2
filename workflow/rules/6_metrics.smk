"""
Stage 6: tidy tables of all runs; effects against the pool of baseline runs; the claims, tested.

in:   stages 2 to 5
out:  6_metrics/: tables made by `aggregate` and `analyse` in workflow/schemas/tables.schema.yaml (parquet, some also csv)
"""


rule aggregate:
    """One row per run, layer, split or measure, from all records of the study."""
    input:
        runs=records("finetune"),
        evaluations=records("evaluate_pool") + records("evaluate"),
        spectra=records("spectra"),
        curvatures=records("curvature_pool") + records("curvature"),
        penalties=records("penalties_pool") + records("penalties"),
        before=records("spectra_before"),
        diversity=records("measure_diversity"),
        quality=qualities(),
        splits=read_records(),
    output:
        expand("<results>/6_metrics/{file}", file=AGGREGATED),
        manifest="<results>/6_metrics/aggregate.json",
    log:
        "<results>/logs/aggregate.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("aggregate"),
        code=code_digest("aggregate"),
        out=subpath(output.manifest, parent=True),
    message:
        "Metrics: tables of all runs"
    shell:
        "python -m weightscape.stages aggregate --settings {params.settings:q} --code {params.code:q}"
        " --out {params.out:q} > {log:q} 2>&1"


rule analyse:
    """Effects of each run and condition, and the claims tested on them."""
    input:
        ancient(expand("<results>/6_metrics/{file}", file=parquet(AGGREGATED))),
        manifest="<results>/6_metrics/aggregate.json",
    output:
        expand("<results>/6_metrics/{file}", file=ANALYSED),
        manifest="<results>/6_metrics/analyse.json",
    log:
        "<results>/logs/analyse.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("analyse"),
        code=code_digest("analyse"),
        out=subpath(output.manifest, parent=True),
    message:
        "Metrics: effects and claims"
    shell:
        "python -m weightscape.stages analyse --settings {params.settings:q} --code {params.code:q}"
        " --tables {params.out:q} > {log:q} 2>&1"
