"""`weightscape verify`: are results what their records say, and what the study would make now?"""

import argparse
from collections import Counter
from pathlib import Path

from weightscape.project import DEFAULT_CONFIG
from weightscape.verification.check import check, is_own, other_versions, study_file
from weightscape.verification.results import Results
from weightscape.verification.verification import Finding


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, help="a results folder, wherever it was copied to")
    add_study_arguments(parser)


def add_study_arguments(parser: argparse.ArgumentParser) -> None:
    """Which study the results belong to; told from the report's record unless it is named."""
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="the full config")
    parser.add_argument("--configfile", type=Path, help="a study's difference from it (default: that of the report)")


def run(arguments: argparse.Namespace) -> int:
    """Print one line per finding and a summary; exit code 1 if there is any."""
    difference = arguments.configfile or study_file(arguments.results, arguments.config)
    if difference is None and not is_own(arguments.results, arguments.config):
        print(f"note: compared with {arguments.config}; another study is named by --configfile")
    results, findings = check(arguments.results, arguments.config, difference)
    for finding in findings:
        print(f"{finding.kind:<9}{finding.place}: {finding.why}")
    print(summary(results, findings))
    if results.dropped:
        print(f"note: the weights of {len(results.dropped)} runs were dropped, as study.keep_weights has it")
    for line in other_versions(results, arguments.config.parent / "envs" / "requirements.lock"):
        print(line)
    return 1 if findings else 0


def summary(results: Results, findings: list[Finding]) -> str:
    """How many jobs and files were checked, and how many findings of each kind there are."""
    kinds = Counter(finding.kind for finding in findings)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "all as recorded"
    return f"{results.root}: {len(results.records)} records, {len(results.contents)} files: {counts}"
