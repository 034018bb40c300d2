"""`weightscape cluster` checks queue, partitions and profile before it starts; tests/slurm has it on a real Slurm."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from weightscape import cli
from weightscape.engine import slurm
from weightscape.errors import UserError
from weightscape.project import ROOT


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts programs of given shell text on a PATH that holds nothing else, and works in an empty folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.chdir(tmp_path)

    def make(**programs: str) -> None:
        for name, text in programs.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)

    return make


@pytest.mark.process
def test_jobs_are_followed_by_accounts_only_where_there_are_some(tools) -> None:
    tools(scontrol="echo 'MinJobAge               = 300 sec'")
    assert slurm.status_command() == "squeue"
    tools(sacct="echo Slurm accounting storage is disabled >&2; exit 1")
    assert slurm.status_command() == "squeue"
    tools(sacct="exit 0")
    assert slurm.status_command() == "sacct"


@pytest.mark.process
def test_a_cluster_that_forgets_jobs_at_once_gives_a_warning(tools, capsys: pytest.CaptureFixture[str]) -> None:
    tools(scontrol="echo 'MinJobAge               = 300 sec'")
    slurm.status_command()
    assert capsys.readouterr().err == ""
    tools(scontrol="echo 'MinJobAge               = 2 sec'")
    slurm.status_command()
    assert "forgets a job 2 s after its end" in capsys.readouterr().err


@pytest.mark.process
def test_a_partition_that_ends_jobs_for_others_gives_a_warning(tools, capsys: pytest.CaptureFixture[str]) -> None:
    tools(scontrol='echo "PartitionName=gpu AllowGroups=ALL PreemptMode=REQUEUE"')
    slurm.warn_of_preemption()
    assert capsys.readouterr().err == ""
    tools(
        scontrol='echo "PartitionName=gpu PreemptMode=REQUEUE"; echo "PartitionName=spare Nodes=a PreemptMode=CANCEL"'
    )
    slurm.warn_of_preemption()
    told = capsys.readouterr().err
    assert "the partition spare takes back" in told and "PreemptMode = CANCEL" in told


@pytest.mark.process
def test_only_jobs_of_this_folder_and_study_count_as_left(tools, tmp_path: Path) -> None:
    rows = [
        f"1|weightscape-a_0f-1|RUNNING|{tmp_path}",
        f"2|weightscape-a-b_0f-1|RUNNING|{tmp_path}",
        f"3|weightscape-a_0f-1|RUNNING|{tmp_path}/other",
        f"4|weightscape-a_0f-2|PENDING|{tmp_path}",
        f"5|mine|RUNNING|{tmp_path}",
    ]
    tools(squeue="\n".join(f"echo '{row}'" for row in rows))
    assert [(job.number, job.state) for job in slurm.jobs_called("weightscape-a")] == [
        ("1", "RUNNING"),
        ("4", "PENDING"),
    ]


@pytest.mark.process
def test_a_queue_that_cannot_be_looked_at_is_no_empty_queue(tools, capsys: pytest.CaptureFixture[str]) -> None:
    (Path.cwd() / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    profile = ["--profile", str(ROOT / "workflow/profiles/slurm")]
    assert cli.main(["cluster", *profile]) == 1
    assert "sbatch is not on the PATH: start on a login node" in capsys.readouterr().err
    tools(sbatch="", scancel="", squeue="echo no connection >&2; exit 1")
    assert cli.main(["cluster", *profile]) == 1
    assert (
        "squeue does not answer (no connection): start again when the queue can be looked at" in capsys.readouterr().err
    )


def test_an_unknown_study_is_one_sentence(tools, capsys: pytest.CaptureFixture[str]) -> None:
    profile = ["--profile", str(ROOT / "workflow/profiles/slurm")]
    assert cli.main(["cluster", *profile, "--study", "nosuch"]) == 1
    assert "workflow/studies/nosuch.yaml is not there" in capsys.readouterr().err


@pytest.mark.process
@pytest.mark.parametrize(
    ("resources", "sentence"),
    [
        ("default-resources: {slurm_partition: nosuch}", "slurm_partition = 'nosuch' of default-resources is not on"),
        (
            "set-resources: {finetune: {gpu_model: h100}}",
            r"gpu_model = 'h100' of finetune .* it has a100, v100: correct",
        ),
        ("set-resources: {finetune: {gpu_model: a100, slurm_partition: gpu}}", None),
        ("default-resources: [slurm_partition=nosuch]", None),
    ],
)
def test_partitions_and_gpus_that_a_cluster_lacks_are_said(
    tools, tmp_path: Path, resources: str, sentence: str | None
) -> None:
    tools(
        sinfo='if [ "$3" = %R ]; then echo cpu; echo gpu; '
        'else echo "(null)"; echo "gpu:a100:4(S:0-1),shard:8"; echo gpu:v100:2; echo gpu:2; fi'
    )
    profile = tmp_path / "config.yaml"
    profile.write_text(resources)
    if sentence is None:
        slurm.check_site(profile)
        return
    with pytest.raises(UserError, match=sentence):
        slurm.check_site(profile)
    tools(sinfo="exit 1")
    slurm.check_site(profile)


def test_names_of_jobs_are_as_the_executor_wants_them() -> None:
    assert slurm.job_prefix("paper-2.5_x") == "weightscape-paper-2-5_x"
    assert len(slurm.job_prefix("x" * 80)) == 50


def rules() -> dict[str, str]:
    """The text of every rule, by its name; one that uses another has the other's text too."""
    texts = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    found: dict[str, str] = {}
    for part in re.split(r"^(?:use )?rule ", texts, flags=re.MULTILINE)[1:]:
        base, _, name = part.split(":")[0].removesuffix(" with").partition(" as ")
        found[name or base] = part + (found[base] if name else "")
    return found


def test_the_profile_asks_a_gpu_for_each_rule_that_uses_one_and_bundles_no_others_with_it() -> None:
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    users = {name for name, text in rules().items() if "gpu=1" in text}
    asked = {name for name, resources in profile["set-resources"].items() if resources.get("gpu")}
    assert users == asked and "finetune" in users
    assert "gpu=diversity_gpus" in rules()["measure_diversity"]  # by the condition, which a profile must not override
    assert all(profile["set-resources"][name]["cpus_per_task"] == 4 for name in users)
    for group in set(profile["groups"].values()):
        members = {rule for rule, name in profile["groups"].items() if name == group}
        assert members <= users or not members & users, group


def test_the_profile_names_only_rules_that_exist_and_are_submitted() -> None:
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    submitted = {name for name, text in rules().items() if "localrule: True" not in text}
    assert set(profile["groups"]) | set(profile["set-resources"]) <= submitted
    assert set(profile["group-components"]) <= set(profile["groups"].values())


def test_a_job_that_is_still_ending_is_waited_for_before_the_locks_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.input.lock").touch()
    seen = iter([{7: "snakemake"}, {7: "snakemake"}, {}])
    monkeypatch.setattr(slurm, "processes", lambda _: next(seen))
    monkeypatch.setattr(slurm.time, "sleep", lambda _: None)
    ran = []
    monkeypatch.setattr(slurm.subprocess, "run", lambda command, **_: ran.append(command[:2]))
    slurm.unlock([], patience=60)
    assert ran == [["snakemake", "--unlock"]] and "was killed" in capsys.readouterr().out
    monkeypatch.setattr(slurm, "processes", lambda _: {7: "snakemake"})
    slurm.unlock([], patience=0.01)
    assert len(ran) == 1 and "process 7 works in it" in capsys.readouterr().out


@pytest.mark.process
@pytest.mark.parametrize(
    ("rules", "said", "sentence"),
    [
        ("finetune: {gpu: 1}", "gpu: works", None),
        (
            "finetune: {gpu: 1}",
            "gpu: The driver is too old (found version 12080).",
            r"old \(found version 12080\)\):",
        ),
        ("finetune: {gpu: 1}", "srun: error: Unable to allocate resources", None),
        ("finetune: {gpu: 0}", "gpu: No CUDA GPUs are available", None),
        ("spectra: {mem_mb: 1}", "gpu: No CUDA GPUs are available", None),
    ],
)
def test_a_gpu_that_torch_cannot_use_is_said_before_the_first_job(
    tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: str, said: str, sentence: str | None
) -> None:
    monkeypatch.delenv("WEIGHTSCAPE_DEVICE", raising=False)
    tools(srun=f'echo "$@" > {tmp_path}/asked; echo "{said}"')
    profile = tmp_path / "config.yaml"
    profile.write_text(f"default-resources: {{slurm_partition: fast}}\nset-resources: {{{rules}}}\n")
    if sentence is None:
        slurm.check_gpu(profile)
    else:
        with pytest.raises(UserError, match=sentence):
            slurm.check_gpu(profile)
        monkeypatch.setenv("WEIGHTSCAPE_DEVICE", "cpu")
        slurm.check_gpu(profile)
    asked = tmp_path / "asked"
    assert asked.is_file() == ("gpu: 1" in rules)
    assert not asked.is_file() or "--gpus=1 --partition=fast" in asked.read_text()


@pytest.mark.process
def test_the_probe_says_in_one_line_what_torch_says() -> None:
    done = subprocess.run([sys.executable, "-c", slurm.PROBE], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"gpu: .+\n", done.stdout)
