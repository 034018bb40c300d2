"""Paths of the project's own files, beside the package or in the checkout that holds it, and of a run in results."""

from pathlib import Path

PACKAGE = Path(__file__).parent
"""The package itself."""

WORKFLOW = PACKAGE.parent
"""The folder of the package, the rules, schemas, studies and the page's parts."""

ROOT = WORKFLOW.parent
"""The top of the checkout."""

SCHEMAS = WORKFLOW / "schemas"
REPORT = WORKFLOW / "report"
CAPTIONS = REPORT / "captions"
FIGURES = PACKAGE / "figures"
DEFAULT_CONFIG = ROOT / "config.yaml"
CITATION = ROOT / "CITATION.cff"

RUN = "{dataset}/{backbone}/{family}/{dose}/seed{seed}"
"""The folder of a run below that of a stage."""
