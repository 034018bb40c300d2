"""`weightscape adopt`: take over results from another machine, or whose records in .snakemake were lost.

Deletes what the records show to be stale or tampered with, and makes the rest known to the workflow engine as done.
"""

import argparse
from pathlib import Path

from weightscape.commands.resume import add_run_arguments
from weightscape.engine import owner
from weightscape.engine.processes import call, left_over, place_of
from weightscape.finetune import kept_weights
from weightscape.study.jobs import expected
from weightscape.verification.check import check
from weightscape.verification.results import Results
from weightscape.verification.verification import Finding, Kind


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    add_run_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Delete what is stale, have the rest recorded as done, and stamp the folders as belonging together."""
    project, root, config = place_of(arguments)
    results, findings = check(root, project / "config.yaml", arguments.configfile)
    wanted = expected(config)
    doomed = stale(results, findings)
    paths = {path for place in doomed for path in results.files_of(place) if path.is_file()} | set(left_over(root))
    for path in sorted(paths):
        print(f"{'would delete' if arguments.dry_run else 'deleted'}: {path}")
        if not arguments.dry_run:
            path.unlink()
    kept = sorted(wanted.intersection(results.records) - doomed)
    if not arguments.dry_run:
        touched = [*(f"{root}/{place}" for place in kept), "--touch", "--force", "--quiet"]  # done without being run
        if kept and (code := call(arguments, *touched, environment={owner.ADOPTING: "1"})):
            return code
        owner.stamp(root, project, left=set(results.records) - wanted)
    print(f"{root}: {len(kept)} results adopted, {len(doomed)} stale")
    lacking = sorted(wanted - set(results.records))
    if lacking and kept:
        print(
            f"note: {len(lacking)} records of the study are not here (the first: {lacking[0]}); whether what was made "
            "from them is of today's settings cannot be told"
        )
    return 0


def stale(results: Results, findings: list[Finding]) -> set[str]:
    """The records of all jobs that must run again: stale, tampered with or unreadable.

    A record of dropped weights stays true when what was measured at them is stale.
    """
    places = {results.owner.get(f.place, f.place) for f in findings if f.kind in (Kind.STALE, Kind.TAMPERED)}
    return {place for place in places if Path(place).name != kept_weights.RECORD}
