"""Gives the Snakefile its plan: the checked config, the settings and code digest of each job, the checks before the
first job, and the file from which submitted jobs read what their head planned.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weightscape.engine import owner
from weightscape.errors import UserError
from weightscape.formats.json_yaml import check_once, packed, read_json, read_users_yaml, write_json
from weightscape.project import ROOT, WORKFLOW
from weightscape.provenance.code_digest import code_digest
from weightscape.study import Config, jobs, undecidable
from weightscape.study import settings as stage_settings
from weightscape.study.checks import idle, networks, own_files, resolution
from weightscape.study.config import check_named, checked, results_folder
from weightscape.verification import dropped_weights

PLANNED = "WEIGHTSCAPE_PLANNED"
"""Names, in the environment of a submitted job, the file of what its head planned."""

SHORT, DEEPEST = "/tmp", 60
"""A folder of temporary files, and the bytes of another's path with which those of its sockets keep below 108."""

ENVIRONMENT = {
    # A job takes no more threads than it was given.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Freed memory is kept for the next batch: page faults are a tenth of the time of inference.
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    "PYTHONPATH": str(WORKFLOW),
    # Logs name files and classes in any script, whatever the terminal shows, and files whose name is no text.
    "PYTHONIOENCODING": "utf-8:backslashreplace",
    "PYTHONUTF8": "1",
}

# Imports are compiled once, not in every job. On SIGTERM the shell waits for its program, which saves a checkpoint;
# a cluster would otherwise take the job for ended.
PREFIX = (
    "set -euo pipefail; unset PYTHONDONTWRITEBYTECODE; export "
    + " ".join(f"{name}={shlex.quote(value)}" for name, value in ENVIRONMENT.items())
    + "; trap : TERM; "
)
"""Stands before every command of a rule, in submitted jobs as well."""


@functools.cache
def preload_folder() -> tempfile.TemporaryDirectory[str]:
    """The folder of the processes that the jobs of this Snakemake share their start with; goes with Snakemake.

    It lies in /tmp where temporary files lie too deep for the paths of sockets.
    """
    is_deep = len(os.fsencode(tempfile.gettempdir())) > DEEPEST and os.access(SHORT, os.W_OK | os.X_OK)
    place = SHORT if is_deep else None
    folder = tempfile.TemporaryDirectory(prefix="weightscape-", dir=place, ignore_cleanup_errors=True)
    (Path(folder.name) / "owner").write_text(str(os.getpid()))
    return folder


def prefix() -> str:
    """Returns the text that stands before every command of a rule, in submitted jobs as well."""
    return f"{PREFIX}export WEIGHTSCAPE_PRELOAD={shlex.quote(preload_folder().name)}; "


@dataclass
class Plan:
    """The config that the workflow runs with, and the code digests that it plans with, by stage and further modules."""

    config: Config
    results: Path
    code: dict[str, str] = field(default_factory=dict)

    @property
    def wildcards(self) -> dict[str, str]:
        """The regular expression of each wildcard."""
        return jobs.wildcards(self.config)

    def settings(self, stage: str) -> Callable[[Any], str]:
        """The settings of a stage's job as JSON, as a function of its wildcards."""
        names = stage_settings.wildcards_of(stage)

        @functools.cache  # jobs that differ in other wildcards share one text
        def text(*values: str) -> str:
            part = stage_settings.settings(self.config, stage, dict(zip(names, values, strict=True)))
            return packed(json.dumps(part, sort_keys=True))

        return lambda wildcards: text(*(wildcards[name] for name in names))

    def code_digest(self, stage: str, *further: str) -> str:
        """The meaning of a stage's code, with further modules that it chooses at run time."""
        name = " ".join([stage, *further])
        if name not in self.code:
            self.code[name] = code_digest(stage, *further)
        return self.code[name]

    def chosen_code_digest(self, stage: str) -> Callable[[Any], str]:
        """The meaning of a stage's code and of the modules that its job chooses, as a function of the wildcards."""

        def digest(wildcards: Any) -> str:
            names = dict(wildcards)
            asked = stage_settings.settings(self.config, stage, names)
            return self.code_digest(stage, *jobs.modules_of(stage, names, asked))

        return digest


def check_place(folder: Path) -> None:
    """Ends Snakemake with one sentence if it does not run in the study's folder, or cannot do so."""
    if not Path.cwd().samefile(folder):
        sys.exit(
            f"error: Snakemake runs in {Path.cwd()}, but the study's files lie in {folder}: run it there, or add "
            f"--directory {shlex.quote(str(folder))}"
        )
    if set(str(folder)) & set("{}"):
        sys.exit(f"error: Snakemake cannot work in {folder}, as its path has braces: rename that folder")


def check_readable(path: Path) -> None:
    """Ends Snakemake with one sentence if it would fail with a traceback on the project's own config."""
    try:
        read_users_yaml(path, "the project's config")
    except UserError as fault:
        sys.exit(f"error: {fault}")


ONCE = {"-C": "--config", "--config": "--config", "--configfile": "--configfile", "--configfiles": "--configfile"}
"""Options that give a study its settings, of which Snakemake takes the last alone, by their names."""


def _check_command(words: list[str]) -> None:
    """Refuses an option, and a key of --config, that stands twice: Snakemake would keep the last one alone."""
    import yaml

    options = [ONCE[name] for name in (word.partition("=")[0] for word in words) if name in ONCE]
    for option in options:
        if options.count(option) > 1:
            raise UserError(f"{option} is given twice: only the last would count; write all after one {option}")
    keys: list[str] = []
    for word in words:
        key, _, block = word.partition("=")
        if block.startswith(("{", "[")):
            check_once(block, f"--config {key}")
            with contextlib.suppress(yaml.YAMLError):
                keys += _keys_of(key, yaml.load(block, yaml.BaseLoader))
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"--config gives {key} twice: only the last would count; take one out")


def _keys_of(place: str, block: Any) -> list[str]:
    """The keys that a block sets, after those of the blocks that they stand in."""
    if not isinstance(block, dict):
        return [place]
    return [key for name, inner in block.items() for key in _keys_of(f"{place}.{name}", inner)]


def plan(config: Config, workflow: Any) -> Plan:
    """The plan of Snakemake's `workflow`: that of the head in a submitted job, else from the config, which is checked.

    A submitted job has a Snakemake of its own, which parses everything anew. A config that was edited since counts from
    the next start; edited code is found by the program, which compares its digest with the planned one.
    """
    # The graph of a large grid grows, and the collector of cyclic garbage finds nothing in it: a third of the planning.
    gc.set_threshold(200_000, 20, 20)
    if workflow.remote_exec and PLANNED in os.environ:
        planned = read_json(Path(os.environ[PLANNED]))
        return Plan(planned["config"], _results(planned["config"]), planned["code"])
    if workflow.is_main_process:
        for path in map(Path, workflow.overwrite_configfiles):
            read_users_yaml(path, "the study's config")
        _check_command(sys.argv[1:])
    settings = getattr(workflow, "config_settings", None)
    config = checked(config, settings and settings.config)
    own_files.check_tables(config)
    if workflow.is_main_process:
        check_named(ROOT / "config.yaml", map(Path, workflow.overwrite_configfiles))
        of_data = config["study"]["start"] == "data"
        for note in [*resolution.notes(config), *idle.notes(config)] if of_data else []:
            print(f"note: {note}", file=sys.stderr)
        networks.check(config)
        owner.check(_results(config), Path.cwd(), config)
        atexit.register(_end, workflow, config)
    return Plan(config, _results(config))


def _end(workflow: Any, config: Config) -> None:
    """Ends a dry run with the count of its jobs and what the study lacks, below Snakemake's list if there is one."""
    if workflow.dryrun:
        sys.stdout.flush()
        if workflow.dag:
            print(f"The study is accepted: {len(workflow.dag)} jobs to run.", file=sys.stderr)
        _tell_lacks(config)


def _tell_lacks(config: Config) -> None:
    """Tells which claims the study cannot decide, and what to add."""
    lacks = undecidable.told(config) if config["study"]["start"] == "data" else []
    if lacks:
        print("\n  ".join(["Claims that this study cannot decide, and what to add:", *lacks]), file=sys.stderr)


def _results(config: Config) -> Path:
    return Path(results_folder(config, ROOT / "config.yaml"))


def start(planned: Plan, jobs_to_run: list[Any]) -> None:
    """Check the planned jobs of Snakemake, then write what submitted jobs and later starts need to know."""
    _tell_lacks(planned.config)
    check_writable(path for job in jobs_to_run for path in job.output)
    if owner.ADOPTING not in os.environ:  # adopting only touches
        dropped_weights.check(list(_trainings(jobs_to_run)))
    owner.stamp(planned.results, Path.cwd())
    for job in jobs_to_run:  # digests that depend on wildcards
        _ = job.params
    path = Path(".snakemake") / "weightscape" / f"{planned.config['study']['name']}.json"
    write_json(path, {"config": planned.config, "code": planned.code})
    os.environ[PLANNED] = str(path.resolve())


def _trainings(jobs_to_run: list[Any]) -> Iterator[dropped_weights.Training]:
    """The planned fine-tunings that read nothing which this plan makes."""
    made = {str(path) for job in jobs_to_run for path in job.output}
    for job in jobs_to_run:
        if job.rule.name == "finetune" and made.isdisjoint(map(str, job.input)):
            inputs = [Path(path) for path in job.input]
            yield dropped_weights.Training(Path(job.output.manifest), job.params.settings, job.params.code, inputs)


def check_writable(outputs: Iterable[str]) -> None:
    """Stop if a folder that the outputs go to cannot be written; of one that is not there yet, its first parent."""
    for folder in sorted({Path(path).parent for path in outputs}):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            raise UserError(f"{there} cannot be written (permission denied): make it writable, as by chmod u+w")
