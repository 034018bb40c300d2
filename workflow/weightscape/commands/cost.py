"""`weightscape cost`: GPU and CPU hours, disk and memory that a study is expected to take, by stage."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from weightscape.commands.settings import add_config_arguments
from weightscape.costs.assumptions import UNSTATED, Assumptions, sizes_of
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_users_yaml
from weightscape.formats.schema import fault_in
from weightscape.formats.typed import from_json
from weightscape.formats.writing import replacing
from weightscape.project import SCHEMAS, WORKFLOW
from weightscape.study import Config
from weightscape.study.config import load

ASSUMED = WORKFLOW / "docs" / "cost.yaml"
SCHEMA = SCHEMAS / "cost.schema.yaml"


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument("--times", type=int, nargs="+", default=[1], help="multiples of the number of seeds")
    parser.add_argument("--assumed", type=Path, default=ASSUMED, help="rates of devices and sizes of data sets")
    parser.add_argument("--measured", type=Path, help="results of a pilot, whose jobs tell the rates of its machines")
    parser.add_argument("--out", type=Path, help="write a page in Markdown instead of printing it")


def run(arguments: argparse.Namespace) -> int:
    less = [times for times in arguments.times if times < 1]
    if less:
        raise UserError(f"--times {less[0]} is no multiple of the seeds: give whole numbers of 1 or more")
    assumed = assumptions(arguments.assumed)
    config = load(arguments.config, arguments.configfile)
    if config["study"]["start"] == "tables":
        raise UserError(
            f"study {config['study']['name']} starts from published tables and trains nothing: name one that starts "
            "from data with --configfile"
        )
    measured: list[str] = []
    if arguments.measured is not None:
        from weightscape.costs.measured import calibrated

        assumed, measured = calibrated(assumed, arguments.measured)
    parts = [page(config, assumed, times) for times in arguments.times]
    text = "\n".join(
        [
            f"# Cost of the study {config['study']['name']}",
            "",
            INTRODUCTION,
            "",
            *parts,
            notes(config, assumed, measured),
        ]
    )
    if arguments.out:
        with replacing(arguments.out) as temporary:
            temporary.write_text(text)
    else:
        print(text)
    return 0


def assumptions(path: Path) -> Assumptions:
    """The assumptions in a file, if they fit their schema."""
    content = read_users_yaml(path, "a file with --assumed")
    fault = fault_in(content, SCHEMA)
    if fault:
        raise UserError(f"{path}: {fault}: mend it ({ASSUMED} shows the form)")
    return from_json(Assumptions, content)


INTRODUCTION = """Written by `weightscape cost`; an estimate. Operations per image are counted by torch on each network
(a multiplication and an addition are two), matrix shapes are those of the weights; rates of devices and sizes of public
data sets are assumptions, listed at the end, from `workflow/docs/cost.yaml`, unless `--measured` names the results of
a pilot, whose jobs tell the rates. Memory is that of one job. Disk is what stays; the cache of downloads comes on
top."""


def page(config: Config, assumed: Assumptions, times: int) -> str:
    """The table of a study with `times` as many seeds."""
    from weightscape.costs import stages
    from weightscape.study.jobs import BY_RULE

    chosen = config["study"]
    seeds, pool = len(chosen["seeds"]) * times, chosen["baseline_runs"] * times
    larger = {**config, "study": {**chosen, "seeds": list(range(seeds)), "baseline_runs": pool}}
    work = stages.work_of(larger, assumed)
    costs = stages.costs(work)
    head = "| stage | jobs | GPU h | CPU h | disk, GB | memory, GB | GPU memory, GB |\n|---|---|---|---|---|---|---|"
    lines = [
        f"| {BY_RULE[rule].record[0]} {rule} | {cost.jobs} | {cost.gpu_hours:.1f} | {cost.cpu_hours:.1f} | "
        f"{cost.disk_gb:.1f} | {cost.memory_gb:.1f} | {cost.gpu_memory_gb:.0f} |"
        for rule, cost in costs.items()
    ]
    total = [sum(getattr(cost, name) for cost in costs.values()) for name in ("gpu_hours", "cpu_hours", "disk_gb")]
    jobs = sum(cost.jobs for cost in costs.values())
    lines.append(f"| all | {jobs} | {total[0]:.1f} | {total[1]:.1f} | {total[2]:.1f} | | |")
    return (
        f"## {costs['finetune'].jobs} runs ({seeds} seeds)\n\n{head}\n" + "\n".join(lines) + "\n\n"
        f"Weights: keep_weights = {config['study']['keep_weights']}; "
        f"those of all runs would take {work.weight_bytes / 1e9:.0f} GB.\n"
        f"Checkpoints: every {config['finetune']['checkpoint_minutes']:g} minutes of a run, and where one is stopped; "
        f"{work.checkpoint_bytes / 1e9:.0f} GB written in all, removed when a run ends.\n"
    )


def notes(config: Config, assumed: Assumptions, measured: Sequence[str] = ()) -> str:
    """The assumptions, as a list, and what was measured instead."""
    gpu, cpu = assumed.gpu, assumed.cpu
    lines = [
        f"GPU: {gpu.peak_tflops:g} TFLOP/s peak, of which training reaches {gpu.training_use:.2g}, sampling "
        f"{gpu.sampling_use:.2g}; {gpu.float32_tflops:g} in float32, of which evaluation, embeddings and curvature "
        f"reach {gpu.inference_use:.2g}. A training step is three forward passes.",
        f"CPU core: {cpu.gflops:.3g} GFLOP/s in products, {cpu.eigen_gflops:.3g} in eigenvalues; "
        f"{cpu.decoded:g} decoded images/s at 64 px and less, {cpu.decoded_large:g} of larger files.",
        f"Each job starts for {assumed.start_seconds:g} s, in which it holds what it asked for.",
        *measured,
        *_of_generator(config),
        *_of_counts(config, assumed),
        "Not counted: assembling lists, metrics, figures, report (minutes in all), the judge, spectral options "
        "beyond eigenvalues and fits.",
    ]
    return "\n".join(["## Assumptions", "", *(f"- {line}" for line in lines), ""])


def _of_generator(config: Config) -> list[str]:
    from weightscape.study import study

    if not study.uses_generator(config):
        return []
    if config["generate"]["kind"] == "ddpm":
        return ["The diffusion model that is trained here reaches the shares of the peak that larger networks reach."]
    return [
        "A generator of diffusers has the denoiser and decoder of Stable Diffusion 1.x, and two passes per step "
        "above guidance 1."
    ]


def _of_counts(config: Config, assumed: Assumptions) -> list[str]:
    from weightscape.study.checks import own_files

    known = assumed.images
    sizes = {name: sizes_of(config, name, known) for name in config["study"]["datasets"]}
    assumed_sizes = [name for name in sizes if own_files.counted(config, name) is None]
    capped = [f"data.{name}" for name in assumed_sizes if config["data"][name].get("per_class", "all") != "all"]
    unstated = [name for size in sizes.values() for name in size.unstated]
    lines = []
    if capped:
        lines.append(f"Classes are equally large where `per_class` caps them ({', '.join(capped)}).")
    if unstated:
        count = known[UNSTATED]
        lines.append(f"OOD sets of which no count is known hold {count} images each: {', '.join(unstated)}.")
    return lines
