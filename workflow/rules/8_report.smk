"""
Stage 8: one page that opens offline.

in:   6_metrics/, 7_figures/, workflow/report/
out:  8_report/report.html
"""


rule report:
    """The report of the study."""
    input:
        ancient(
            expand(
                "<results>/7_figures/{figure}.{ending}",
                figure=config["figures"],
                ending=["pdf", "png"],
            )
        ),
        tables="<results>/6_metrics/analyse.json",
        figures=expand("<results>/7_figures/{figure}.json", figure=config["figures"]),
        parts=report_parts(),
        citation=citation(),
        captions=captions(),
    output:
        page=report(
            "<results>/8_report/report.html",
            caption="../report/page.rst",
            category="The page",
        ),
        manifest="<results>/8_report/manifest.json",
    log:
        "<results>/logs/report.log",
    localrule: True
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("report"),
        code=code_digest("report"),
        contents=contents_of("report", *report_parts(), *captions(), *citation()),
        tables=subpath(input.tables, parent=True),
        pictures=folder_of("figures"),
        parts=folder_of("parts"),
    message:
        "Report"
    shell:
        "python -m weightscape.stages report --settings {params.settings:q} --code {params.code:q}"
        " --tables {params.tables:q} --figures {params.pictures:q} --parts {params.parts:q}"
        " --out {output.page:q} > {log:q} 2>&1"
