"""`weightscape adopt`: results that came without Snakemake's metadata, from another machine or after its loss.

What the records show to be stale or tampered with is deleted; the rest is made known to Snakemake as done.
"""

import argparse
from pathlib import Path

from weightscape.commands.resume import add_run_arguments
from weightscape.engine import metadata, processes
from weightscape.engine.run import call, left_over, place_of
from weightscape.study.config import load
from weightscape.study.jobs import expected
from weightscape.verification.study_file import check
from weightscape.verification.verification import Finding, Results

HELP = "make the workflow know results that came without its metadata; stale ones are deleted"


def configure(parser: argparse.ArgumentParser) -> None:
    """The study, and what Snakemake should be told."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    add_run_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Delete what is stale and have Snakemake record the rest as done."""
    project, root = place_of(arguments)
    processes.check_free(project)
    results, findings = check(root, project / "config.yaml", arguments.configfile)
    wanted = expected(load(project / "config.yaml", arguments.configfile))
    doomed = stale(results, findings)
    paths = sorted({path for place in doomed for path in results.files_of(place)} | set(left_over(root)))
    for path in paths:
        if path.is_file():
            print(f"{'would delete' if arguments.dry_run else 'deleted'}: {path}")
            if not arguments.dry_run:
                path.unlink()
    known = wanted.intersection(results.records) - doomed  # others are adopted once the study has them again
    kept = [place for place in metadata.unknown(root, project) if place in known]
    if kept and not arguments.dry_run:
        code = _touch(arguments, root, kept)
        if code:
            return code
    print(f"{root}: {len(kept)} results adopted, {len(doomed)} stale")
    lacking = sorted(wanted - set(results.records))
    if lacking and kept:
        print(
            f"note: {len(lacking)} records of the study are not here (the first: {lacking[0]}); whether what was made "
            "from them is of today's settings cannot be told"
        )
    return 0


def stale(results: Results, findings: list[Finding]) -> set[str]:
    """The records of all jobs that must run again: stale, tampered with or unreadable."""
    return {results.owner.get(f.place, f.place) for f in findings if f.kind in ("stale", "tampered")}


def _touch(arguments: argparse.Namespace, root: Path, kept: list[str]) -> int:
    """Have Snakemake write its metadata for these records' jobs without running them."""
    targets = [f"{root}/{place}" for place in kept]
    return call(arguments, *targets, "--touch", "--force", "--quiet", environment={metadata.ADOPTING: "1"})
