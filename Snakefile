"""
Weightscape: how the diversity of training data shapes the weights of a neural network.

The stages in order; each reads only from lower numbers. `snakemake --cores 2` runs the study in config.yaml,
`--configfile workflow/studies/NAME.yaml` another one.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from weightscape.engine import snakefile

snakefile.check_place(Path(workflow.basedir))
if workflow.is_main_process:
    snakefile.check_readable(Path("config.yaml"))


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"


pathvars:
    results=str(PLAN.results),


if config["study"]["start"] == "tables":

    include: "workflow/rules/6_reanalyse.smk"

else:

    include: "workflow/rules/1_data.smk"
    include: "workflow/rules/2_generate.smk"
    include: "workflow/rules/3_assemble.smk"
    include: "workflow/rules/4_finetune.smk"
    include: "workflow/rules/5_spectra.smk"
    include: "workflow/rules/6_metrics.smk"
    include: "workflow/rules/7_figures.smk"
    include: "workflow/rules/8_report.smk"


rule all:
    """The report, and with it every figure and table."""
    default_target: True
    input:
        "<results>/8_report/report.html",
        drawn_figures(),
        tables(),
        dropped(),
    localrule: True
