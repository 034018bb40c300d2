"""The README's studies can be planned, and its links and make targets lead to something."""

import re
import subprocess
from pathlib import Path

import pytest

from toy_project import ROOT, environment, new_project

README = (ROOT / "README.md").read_text()
STUDIES = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
LINK = re.compile(r'\]\(([^)#:]+)\)|src="([^"]+)"')


def users_files_of_the_readme(root: Path) -> None:
    """Empty files by the names of the README: a plan opens none of them."""
    for number in range(3000):
        image = root / "my" / "photos" / "train" / f"class{number % 10}" / f"{number}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.touch()
    (root / "my" / "vit.safetensors").touch()


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.parametrize("text", STUDIES, ids=lambda text: text.partition("\n")[0])
def test_every_study_of_the_readme_can_be_planned(text: str, tmp_path: Path) -> None:
    new_project(tmp_path)
    users_files_of_the_readme(tmp_path)
    study = tmp_path / "study.yaml"
    study.write_text(text)
    command = ["snakemake", "-n", "--quiet", "rules", "--cores", "2", "--configfile", str(study)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment(), timeout=300)
    jobs = re.search(r"finetune +(\d+)", done.stdout + done.stderr)
    assert done.returncode == 0 and jobs and int(jobs[1]) > 30, done.stdout + done.stderr


def test_the_readme_shows_four_studies() -> None:
    assert len(STUDIES) == 4


@pytest.mark.parametrize(
    "page", ["README.md", *(f"workflow/docs/{path.name}" for path in ROOT.glob("workflow/docs/*.md"))]
)
def test_every_link_of_the_pages_leads_to_a_file(page: str) -> None:
    links = [first or second for first, second in LINK.findall((ROOT / page).read_text())]
    assert not [link for link in links if not ((ROOT / page).parent / link).exists()]


def test_the_readme_names_every_package() -> None:
    tree = README.partition("## Where things are")[2].partition("```")[2].partition("```")[0]
    packages = {path.parent.name for path in (ROOT / "workflow" / "weightscape").glob("*/__init__.py")}
    assert not [name for name in sorted(packages) if f"{name}/" not in tree.split()]


def test_every_make_target_of_the_readme_is_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)", README)) - {"test-fast"} <= set(targets)
