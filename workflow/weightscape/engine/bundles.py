"""Lets the jobs of a bundle on Slurm run side by side and share its GPU, as far as the limits of the profile allow.

A bundle is a group of Snakemake's: one job of Slurm, for which Snakemake asks what its jobs need side by side within
the limits. Then 9.27 with the plugin for Slurm 2.8 runs them one after the other, each in a Snakemake of its own, since
the bundle's Snakemake is told neither that its jobs are a group nor the limits (issue 469 of the plugin). It also adds
up their GPUs.
"""

import functools
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from weightscape.engine.snakemake_patches import mend

LIMITS = "WEIGHTSCAPE_LIMITS"
"""Names, in the environment of a submitted job, the limits of its head that are each bundle's own."""
GPU = "gpu"


def prepare(workflow: Any) -> None:
    """Prepare Snakemake's `workflow`, of a head and of a bundle alike, before its rules are read."""
    mend(name_groups, "it runs the jobs of a bundle one after the other")
    mend(share_gpus, "a bundle asks for as many GPUs as its jobs would share")
    mend(functools.partial(take_limits, workflow), "it runs the jobs of a bundle without the limits of the profile")


def name_groups() -> None:
    """Let the plugin tell a bundle's Snakemake the groups, which it then gives to one further Snakemake as a whole."""
    plugin = sys.modules.get("snakemake_executor_plugin_slurm")
    if plugin is not None:
        plugin.common_settings.pass_group_args = True


def share_gpus() -> None:
    """Let a bundle ask for the GPUs that one of its jobs needs (`basic_layered`, resources.py:59, adds them up)."""
    from snakemake import resources as of_snakemake

    group: Any = of_snakemake.GroupResources
    asked = group.basic_layered

    def asked_together(toposorted_jobs: Sequence[Sequence[Any]], **options: Any) -> dict[str, str | int]:
        resources = dict(asked(toposorted_jobs=toposorted_jobs, **options))
        if GPU in resources:
            resources[GPU] = max(job.resources.get(GPU, 0) for level in toposorted_jobs for job in level)
        return resources

    group.basic_layered = asked_together


def take_limits(workflow: Any) -> None:
    """Leave the limits of a head that are each bundle's own to its jobs; a submitted Snakemake takes them."""
    if workflow.remote_exec:
        for name, limit in json.loads(os.environ.get(LIMITS, "{}")).items():
            workflow.register_resource(name, limit)
    elif workflow.is_main_process:
        limits = workflow.global_resources.unwrapped_items()
        own = {name: limit for name, limit in limits if workflow.resource_scopes.is_local(name)}
        os.environ[LIMITS] = json.dumps(own)
