"""`weightscape reanalyse`: anyone's WeightWatcher tables, by the published procedure and by ours."""

import argparse
import sys
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", type=Path, metavar="TABLES", help="folder of csv or csv.gz tables")
    example = "workflow/studies/published/conditions.yaml"
    parser.add_argument(
        "--conditions",
        type=Path,
        required=True,
        metavar="FILE",
        help=f"how the tables are named, and the families and doses of the conditions; {example} is an example",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results")


def run(arguments: argparse.Namespace) -> int:
    from weightscape.formats.json_yaml import read_yaml
    from weightscape.project import DEFAULT_CONFIG
    from weightscape.published import conditions
    from weightscape.published.page import Places, reanalyse
    from weightscape.published.settings import options

    out = arguments.out
    places = Places(out, out / "figures", out / "index.html")
    tested = options(read_yaml(DEFAULT_CONFIG)["analyse"])
    made = reanalyse(arguments.tables, conditions.read(arguments.conditions), tested, places)
    for gap in made.gaps:
        print(f"gap: {gap}", file=sys.stderr)
    print(f"{len(made.inputs)} tables read, {len(made.gaps)} gaps: {out / 'index.html'}")
    return 0
