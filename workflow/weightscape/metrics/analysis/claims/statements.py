"""The rule of each claim's verdict, as the config's schema words it (analyse.controls, C1 to C9)."""

import functools

from weightscape.formats.json_yaml import read_yaml
from weightscape.project import SCHEMAS

SCHEMA = SCHEMAS / "config.schema.yaml"


@functools.cache
def rules() -> dict[str, str]:
    """The rule by claim, each on one line."""
    analyse = read_yaml(SCHEMA)["properties"]["analyse"]
    claims = analyse["properties"]["controls"]["properties"]
    return {name: " ".join(claim["description"].split()) for name, claim in claims.items()}
