"""The wheel in a clean environment: commands that need no checkout run there, and the others say one sentence."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import weightscape
from weightscape.project import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.commands, pytest.mark.xdist_group("wheel")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CARRIED = "lib/python3.*/site-packages/weightscape/_project"


def said(*words: object, folder: Path = ROOT) -> tuple[int, str]:
    """Exit code and output of a program that sees neither the checkout nor this environment."""
    path = "/usr/bin:/bin"
    found = subprocess.run(list(map(str, words)), cwd=folder, capture_output=True, text=True, env={"PATH": path})
    return found.returncode, found.stdout + found.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    built = subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, ROOT], capture_output=True, text=True)
    if "No matching distribution" in built.stderr or "Could not find a version" in built.stderr:
        pytest.skip("no registry of packages can be reached")
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


def environment(folder: Path, asked: object) -> Path:
    """The `bin` of a new environment with a package, by pip."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", str(asked)], check=True, capture_output=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """An environment with the wheel and its core dependencies."""
    return environment(wheel.parent / "core", wheel)


@pytest.fixture(scope="module")
def with_figures(wheel: Path) -> Path:
    """An environment with what draws, too."""
    return environment(wheel.parent / "figures", f"{wheel}[figures]")


@pytest.fixture
def carried(installed: Path) -> Path:
    """The files of the checkout that the package carries along."""
    (found,) = installed.parent.glob(CARRIED)
    return found


def test_it_has_the_version_of_the_package_and_no_torch(installed: Path, tmp_path: Path) -> None:
    assert said(installed / "weightscape", "--version", folder=tmp_path) == (0, f"{weightscape.__version__}\n")
    assert said(installed / "python", "-c", "import torch", folder=tmp_path)[0] == 1


def test_it_takes_at_most_400_mb_with_pip_and_all_that_it_compiles(installed: Path) -> None:
    (packages,) = installed.parent.glob("lib/python3.*/site-packages")
    blocks = sum(path.lstat().st_blocks for path in packages.rglob("*"))
    assert blocks * 512 <= 400e6


def chosen(program: Path, folder: Path) -> tuple[str, set[str]]:
    """Output and files of a choice among images."""
    for place, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)):
        (folder / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "images" / f"{place}.png")
    code, text = said(program, "choose", folder / "images", "--budget", 4, "--out", folder / "chosen", folder=folder)
    assert code == 0, text
    return text, {path.name for path in (folder / "chosen").iterdir()}


def test_a_choice_without_what_draws_is_written_and_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    text, files = chosen(installed / "weightscape", tmp_path)
    assert files == {"chosen.csv", "curve.csv"}
    assert "note: the pictures are left out, as drawing needs matplotlib: pip install 'weightscape[figures]'\n" in text


def test_with_what_draws_there_are_pictures_and_no_torch(with_figures: Path, tmp_path: Path) -> None:
    text, files = chosen(with_figures / "weightscape", tmp_path)
    assert files == {"chosen.csv", "curve.csv", "curve.png", "sheet.png"} and "left out" not in text
    draw = "import numpy as np, weightscape as ws; ws.plot_esd(np.eye(40, 30) + 1).figure.savefig('esd.png')"
    assert said(with_figures / "python", "-W", "error", "-c", draw, folder=tmp_path) == (0, "")
    assert said(with_figures / "python", "-c", "import torch", folder=tmp_path)[0] == 1


def test_the_library_measures(installed: Path, tmp_path: Path) -> None:
    program = (
        "import numpy as np, weightscape as ws; x = np.random.default_rng(0).standard_normal((40, 30));"
        "print(ws.summary(ws.spectra(x)).loc[('after', 'alpha'), 'n'], ws.diversity(x)['rows'],"
        "ws.vendi(np.full((4, 8, 8, 3), 9, np.uint8)))"
    )
    code, text = said(installed / "python", "-W", "error", "-c", program, folder=tmp_path)
    assert code == 0, text
    assert text.split()[0] == "1"


def test_published_tables_are_analysed_up_to_the_page(installed: Path, carried: Path, tmp_path: Path) -> None:
    published = carried / "workflow" / "studies" / "published"
    words = ["reanalyse", published / "toy", "--conditions", published / "conditions.yaml", "--out", tmp_path / "out"]
    code, text = said(installed / "weightscape", *words, folder=tmp_path)
    assert code == 0, text
    assert (tmp_path / "out" / "effects.csv").is_file()
    assert "pip install &#39;weightscape[figures]&#39;" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize("command", ["status", "settings finetune --dataset digits --backbone efficientnet-lite0"])
def test_the_default_study_is_known(installed: Path, command: str, tmp_path: Path) -> None:
    assert "Traceback" not in said(installed / "weightscape", *command.split(), folder=tmp_path)[1]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("adopt", "has no Snakefile"),
        ("restore", "has no Snakefile"),
        ("resume", "has no Snakefile"),
        ("cluster", "start in the project's folder"),
        ("cost", "pip install 'weightscape[torch]'"),
        ("report nowhere --out x", "the page needs vl_convert: pip install 'weightscape[report]'"),
        ("verify nowhere", "nowhere cannot be read"),
        ("spectra x.safetensors --out x.csv --plot x.png", "--plot needs matplotlib: pip install"),
        ("spectra x.safetensors --out x.parquet", "pip install 'weightscape[report]'"),
    ],
)
def test_what_cannot_run_says_one_sentence(installed: Path, command: str, words: str, tmp_path: Path) -> None:
    code, text = said(installed / "weightscape", *command.split(), folder=tmp_path)
    assert code == 1 and words in text and "Traceback" not in text


def test_the_files_that_the_package_reads_are_those_of_the_checkout(carried: Path) -> None:
    for folder in ("workflow/schemas", "workflow/report", "workflow/studies"):
        theirs, ours = (sorted(p.relative_to(at) for p in (at / folder).rglob("*.*")) for at in (carried, ROOT))
        assert theirs == ours
    assert (carried / "config.yaml").read_bytes() == (ROOT / "config.yaml").read_bytes()
