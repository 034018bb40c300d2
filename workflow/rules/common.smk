"""
Checks the config, gives each job its settings and code digest, and checks the outputs before the first job.
"""

import sys
from pathlib import Path

from weightscape.engine import snakefile, snakemake_patches
from weightscape.errors import UserError

shell.prefix(snakefile.prefix())
snakemake_patches.apply(workflow)

try:
    PLAN = snakefile.plan(config, workflow)
except UserError as fault:
    sys.exit(f"error: {fault}")

config = PLAN.config
settings, code_digest = PLAN.settings, PLAN.code_digest
SEEDS = config["study"]["seeds"]
POOL_SEEDS = list(range(config["study"]["baseline_runs"]))


onstart:
    snakemake_patches.lift_rate_limit(workflow.scheduler)
    try:
        snakefile.start(PLAN, list(workflow.dag.needrun_jobs()))
    except UserError as fault:
        sys.exit(f"error: {fault}")


wildcard_constraints:
    **PLAN.wildcards,


def folder_of(name):
    """The folder of an input list's files, as a params function."""
    return lambda wildcards, input: str(Path(input[name][0]).parent)
