"""
Stage 7: figures. They read tables only; `snakemake figure_NAME` draws a single one again.

in:   6_metrics/
out:  7_figures/{figure}.pdf, {figure}.png
"""


rule figure:
    """One figure."""
    input:
        ancient(
            expand("<results>/6_metrics/{file}", file=parquet(AGGREGATED + ANALYSED))
        ),
        aggregated="<results>/6_metrics/aggregate.json",
        analysed="<results>/6_metrics/analyse.json",
    output:
        pdf="<results>/7_figures/{figure}.pdf",
        png=report(
            "<results>/7_figures/{figure}.png",
            caption="../report/captions.rst",
            category=figure_chapter,
            labels={"figure": "{figure}"},
        ),
        record="<results>/7_figures/{figure}.json",
    log:
        "<results>/logs/figure/{figure}.log",
    localrule: True
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("figure"),
        code=PLAN.chosen_code_digest("figure"),
        tables=subpath(input.analysed, parent=True),
        out=subpath(output.pdf, strip_suffix=".pdf"),
    message:
        "Figure: {wildcards.figure}"
    shell:
        "python -m weightscape.stages figure --settings {params.settings:q} --code {params.code:q}"
        " --name {wildcards.figure:q} --tables {params.tables:q} --out {params.out:q} > {log:q} 2>&1"


for name in config["figures"]:

    rule:
        name:
            f"figure_{name}"
        input:
            f"<results>/7_figures/{name}.pdf",
        localrule: True
