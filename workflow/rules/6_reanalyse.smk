"""
Stages 6 to 8 of a study with `study.start: tables`: published WeightWatcher tables, analysed again.

in:   reanalyse.tables, a folder of csv or csv.gz tables; reanalyse.conditions
out:  6_metrics/: tables made by `reanalyse` in workflow/schemas/tables.schema.yaml (parquet and csv)
      7_figures/{figure}.pdf, {figure}.png; 8_report/report.html
"""

REANALYSIS_PARTS = [
    "workflow/report/reanalysis.html.j2",
    *expand(
        "workflow/report/captions/reanalysis/{figure}.md", figure=REANALYSIS_FIGURES
    ),
]
REANALYSED_TABLES = published_tables()


rule reanalyse:
    """The published procedure and ours, figures and page."""
    input:
        tables=REANALYSED_TABLES,
        conditions=config["reanalyse"]["conditions"],
        template=REANALYSIS_PARTS[0],
        captions=REANALYSIS_PARTS[1:],
    output:
        expand("<results>/6_metrics/{file}", file=REANALYSED),
        expand(
            "<results>/7_figures/{figure}.{ending}",
            figure=REANALYSIS_FIGURES,
            ending=["pdf", "png"],
        ),
        page="<results>/8_report/report.html",
        drawn="<results>/7_figures/reanalyse.json",
        shown="<results>/8_report/reanalyse.json",
        record="<results>/6_metrics/reanalyse.json",
    log:
        "<results>/logs/reanalyse.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("reanalyse"),
        code=code_digest("reanalyse"),
        contents=contents_of(
            "reanalyse",
            *REANALYSED_TABLES,
            config["reanalyse"]["conditions"],
            *REANALYSIS_PARTS,
        ),
        tables=config["reanalyse"]["tables"],
        out=subpath(output.record, parent=True),
        figures=subpath(output.drawn, parent=True),
    message:
        "Published tables, analysed again"
    shell:
        "python -m weightscape.stages reanalyse --settings {params.settings:q} --code {params.code:q}"
        " --tables {params.tables:q} --conditions {input.conditions:q} --out {params.out:q}"
        " --figures {params.figures:q} --page {output.page:q} > {log:q} 2>&1"
