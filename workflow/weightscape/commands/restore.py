"""`weightscape restore`: make missing files again; the engine does not, since all that reads them is done."""

import argparse

from weightscape.commands.resume import add_run_arguments
from weightscape.engine import processes
from weightscape.engine.run import call, place_of
from weightscape.study.config import load
from weightscape.study.jobs import expected
from weightscape.verification.check import check
from weightscape.verification.dropped_weights import LEAVE
from weightscape.verification.results import Results
from weightscape.verification.verification import Finding, Kind

HELP = "make missing intermediate files again"


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the study, and further arguments of the workflow engine."""
    add_run_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Force the job of every missing file, and nothing that lies downstream of it."""
    project, root = place_of(arguments)
    processes.check_free(project)
    results, findings = check(root, project / "config.yaml", arguments.configfile)
    known = expected(load(project / "config.yaml", arguments.configfile))
    wanted = sorted(f"{root}/{record}" for record in records_of_missing(results, findings) & known)
    if not wanted:
        print(f"{root}: nothing is missing")
        return 0
    for target in wanted:
        print(f"making again: {target}")
    return call(arguments, *wanted, "--force", environment={LEAVE: "1"})


def records_of_missing(results: Results, findings: list[Finding]) -> set[str]:
    """The records of the jobs whose files are missing."""
    return {results.owner.get(finding.place, finding.place) for finding in findings if finding.kind == Kind.MISSING}
