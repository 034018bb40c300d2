"""The folder of tests is importable, for its made-up tables."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
