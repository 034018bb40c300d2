"""The guide to a new family, followed by script in a copy of the project, gives one that plans, trains and acts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from toy_project import ROOT, environment, new_project

GUIDE = (ROOT / "workflow" / "docs" / "extend.md").read_text()
STEP = re.compile(r"^\d\. \*\*(\S+)\*\*, at the end of `(\w+)`.*?```\w+\n(.*?)\n   ```", re.MULTILINE | re.DOTALL)
STEPS = STEP.findall(GUIDE.partition("## A metric")[0])
RUN = """
from dataclasses import replace
from unit.finetune.small_runs import STEPS, acting, items, trained
from weightscape.cli import main
from weightscape.families import FAMILIES
from weightscape.figures.parts.style import LOOKS
from weightscape.finetune import proof
from weightscape.study import doses
from weightscape.study.config import load
from pathlib import Path

config = load(Path("config.yaml"), Path("study.yaml"))
for dose in ("weak", "strong"):
    act = doses.action(config, "blend", dose)
    assert act.mixing.values == config["families"]["blend"]["doses"][dose]
    asked = acting(mixing=act.mixing)
    _, seen, _ = trained(asked)
    proof.verdict(seen, asked, items().description(), STEPS)
    print(dose, round(seen.mixing["weight"], 3))
assert FAMILIES["blend"].title == LOOKS["blend"].title == "blend"
"""


def insert(project: Path, path: str, block: str, lines: str) -> None:
    """Puts lines at the end of a block of a file: of a bracket of Python, or of keys of YAML."""
    content = (project / path).read_text().split("\n")
    opening = [n for n, line in enumerate(content) if re.match(rf"\s*{block}\b\s*(:|=)", line)]
    start = min(opening, key=lambda n: len(content[n]) - len(content[n].lstrip()))  # study.families is no block
    if path.endswith(".yaml"):
        least = len(content[start]) - len(content[start].lstrip()) + 1
        end = next(n for n in range(start + 1, len(content)) if content[n].strip() and content[n][:least].strip())
        while not content[end - 1].strip():
            end -= 1
    else:
        end = next(n for n in range(start + 1, len(content)) if content[n][:1] in (")", "}"))
    content[end:end] = lines.split("\n")
    (project / path).write_text("\n".join(content))


def test_the_guide_touches_four_files() -> None:
    assert len(STEPS) == 4 and all((ROOT / path).is_file() for path, _, _ in STEPS)


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
def test_the_guide_followed_literally_gives_a_family_that_acts(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    for path, block, lines in STEPS:
        insert(project.root, path, block, "\n".join(line[3:] for line in lines.split("\n")))
    (tmp_path / "study.yaml").write_text("study: {name: blended, families: [blend], seeds: [0]}\n")
    env = environment(PYTHONPATH=f"{tmp_path / 'workflow'}:{ROOT / 'tests'}", OMP_NUM_THREADS="1")
    ran = subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    command = ["snakemake", "-n", "--quiet", "rules", "--cores", "1", "--configfile", "study.yaml"]
    planned = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert planned.returncode == 0 and re.search(r"finetune +34\b", planned.stdout + planned.stderr), planned.stderr


def test_every_file_that_the_guide_names_is_there() -> None:
    named = set(re.findall(r"`((?:workflow|tests)/[\w/.]+\.\w+)`", GUIDE)) | {path for path, _, _ in STEPS}
    inside = set(
        re.findall(r"`((?:augmentations|assemble|networks|finetune|study|data|figures|claims)/[\w/]+\.py)`", GUIDE)
    )
    places = [ROOT, ROOT / "workflow/weightscape", ROOT / "workflow/weightscape/metrics/analysis"]
    assert not [
        name for name in named | inside if "NAME" not in name and not any((place / name).exists() for place in places)
    ]
