"""`weightscape restore`: make missing files again whose consumers are done, which is no reason for Snakemake."""

import argparse

from weightscape import ownership
from weightscape.commands.resume import add_run_arguments, call, place_of
from weightscape.commands.settings import load
from weightscape.commands.verify import check
from weightscape.jobs import expected
from weightscape.verification import Finding, Results

HELP = "make missing intermediate files again"


def configure(parser: argparse.ArgumentParser) -> None:
    """The study, and what Snakemake should be told."""
    add_run_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Force the job of every missing file, and nothing that lies downstream of it."""
    project, root = place_of(arguments)
    ownership.check_free(project)
    results, findings = check(root, project / "config.yaml", arguments.configfile)
    known = expected(load(project / "config.yaml", arguments.configfile))
    wanted = sorted(f"{root}/{record}" for record in records_of_missing(results, findings) & known)
    if not wanted:
        print(f"{root}: nothing is missing")
        return 0
    for target in wanted:
        print(f"making again: {target}")
    return call(arguments, *wanted, "--force")


def records_of_missing(results: Results, findings: list[Finding]) -> set[str]:
    """The records of the jobs whose files are missing."""
    return {results.owner.get(finding.place, finding.place) for finding in findings if finding.kind == "missing"}
