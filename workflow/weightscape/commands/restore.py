"""`weightscape restore`: make missing files again; the engine does not, since all that reads them is done."""

import argparse

from weightscape.commands.resume import add_run_arguments
from weightscape.engine.processes import call, place_of
from weightscape.study.jobs import expected
from weightscape.verification.check import check
from weightscape.verification.dropped_weights import LEAVE
from weightscape.verification.verification import Kind


def configure(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Force the job of every missing file, and nothing that lies downstream of it."""
    project, root, config = place_of(arguments)
    results, findings = check(root, project / "config.yaml", arguments.configfile)
    missing = {results.owner.get(found.place, found.place) for found in findings if found.kind == Kind.MISSING}
    wanted = sorted(f"{root}/{record}" for record in missing & expected(config))
    if not wanted:
        print(f"{root}: nothing is missing")
        return 0
    for target in wanted:
        print(f"making again: {target}")
    return call(arguments, *wanted, "--force", environment={LEAVE: "1"})
