"""Paths of the project's own files, in the checkout or in the installed package, and of a run in results."""

from pathlib import Path

PACKAGE = Path(__file__).parent
"""The package itself."""

CARRIED = PACKAGE / "_project"
"""The files of the checkout that an installed package carries along."""

ROOT = CARRIED if CARRIED.is_dir() else PACKAGE.parent.parent
"""The top of the checkout, or of the files that are carried along."""

WORKFLOW = ROOT / "workflow"
"""The folder of the rules, schemas, studies and the page's parts."""

SCHEMAS = WORKFLOW / "schemas"
REPORT = WORKFLOW / "report"
CAPTIONS = REPORT / "captions"
FIGURES = PACKAGE / "figures"
DEFAULT_CONFIG = ROOT / "config.yaml"
CITATION = ROOT / "CITATION.cff"

STAGES = ("data", "generate", "assemble", "finetune", "spectra", "metrics", "figures", "report")
STAGE_FOLDERS = {stage: f"{number}_{stage}" for number, stage in enumerate(STAGES, 1)}
"""The folder of each stage below the results, in the order of the stages."""

RUN = "{dataset}/{backbone}/{family}/{dose}/seed{seed}"
"""The folder of a run below that of a stage."""
