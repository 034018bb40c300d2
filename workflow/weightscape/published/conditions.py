"""The conditions file: which table belongs to which condition, and how conditions form families.

Its keys are described in workflow/schemas/conditions.schema.yaml; workflow/studies/published/conditions.yaml is an
example.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_users_yaml
from weightscape.project import SCHEMAS

SCHEMA = SCHEMAS / "conditions.schema.yaml"
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
PLACEHOLDERS = ("dataset", "condition", "seed", "suffix")


@dataclass(frozen=True)
class Conditions:
    """A conditions file that was checked; `baselines` and `doses` by family and by condition.

    Where each table holds the rows before training too, `before` is the pattern `after`.
    """

    after: str
    before: str
    baselines: Mapping[str, str]
    families: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]
    doses: Mapping[str, float | None]
    dataset: str | None = None
    network: str | None = None
    head: str | None = None
    content: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def names(self) -> list[str]:
        """All conditions, the baselines first."""
        pooled = [name for members in self.families.values() for name in members]
        return list(dict.fromkeys([*self.baselines.values(), *pooled]))

    def family_of(self, condition: str) -> str | None:
        """The family that a condition is pooled in; None for a baseline."""
        return next((family for family, members in self.families.items() if condition in members), None)

    def baseline_of(self, condition: str) -> str:
        """The baseline of a condition that is none itself."""
        return self.baselines[self.family_of(condition) or ""]

    def group_of(self, condition: str) -> str | None:
        """The group that a condition is pooled in; None for a baseline."""
        return next((group for group, members in self.groups.items() if condition in members), None)


def read(path: Path) -> Conditions:
    """The conditions file, checked; a fault is a `UserError` of one sentence."""
    content = read_users_yaml(path, "the conditions file", _names_as_written(path))
    try:
        return checked(content)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def checked(content: Mapping[str, Any]) -> Conditions:
    """The conditions from the content of a file, checked against its schema."""
    from weightscape.formats.schema import fault_in

    fault = fault_in(content, SCHEMA)
    if fault:
        raise UserError(fault)
    return parse(content)


def _names_as_written(path: Path) -> type:
    """YAML's safe loader, with every key as its text: tables of a condition 0.00005 or 010 have no other name.

    Numbers that YAML reads as nobody means them, as 010 for 8 and 1:30 for 90, are refused.
    """
    import yaml

    from weightscape.formats.schema import is_number

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                    key.tag = "tag:yaml.org,2002:str"
            return super().construct_mapping(node, deep)

    def number(loader: Any, node: Any) -> float:
        kind = node.tag.rpartition(":")[2]
        value = getattr(yaml.SafeLoader, f"construct_yaml_{kind}")(loader, node)
        if not is_number(node.value) or float(node.value) != value:
            raise UserError(
                f"{path} has {node.value} on line {node.start_mark.line + 1}, which YAML reads as {value}: write a "
                "plain number, or text in quotes"
            )
        return value

    for kind in ("int", "float"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", number)
    return Loader


def parse(content: Mapping[str, Any]) -> Conditions:
    """The conditions from the content of their file, which fits the schema."""
    families = {family: tuple(members) for family, members in content["families"].items()}
    before = content.get("before")
    shared = content["baseline"]
    baselines = dict.fromkeys(families, shared) if isinstance(shared, str) else dict(shared)
    groups = {group: tuple(members) for group, members in content.get("groups", families).items()}
    _check_patterns(content["after"], before)
    _check_members(families, baselines, groups)
    return Conditions(
        after=content["after"],
        before=content["after"] if before is None else before,
        baselines=baselines,
        families=families,
        groups=groups,
        doses={name: dose for members in content["families"].values() for name, dose in members.items()},
        dataset=content.get("dataset"),
        network=content.get("network"),
        head=content.get("head"),
        content=dict(content),
    )


def _check_patterns(after: str, before: str | None) -> None:
    patterns = {"after": after} | ({} if before is None else {"before": before})
    used = {key: PLACEHOLDER.findall(pattern) for key, pattern in patterns.items()}
    for key, pattern in patterns.items():
        if not pattern.endswith((".csv", ".csv.gz")):
            raise UserError(f"{key} = {pattern!r} must end in .csv or .csv.gz")
        unknown = [name for name in used[key] if name not in PLACEHOLDERS]
        if unknown:
            allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise UserError(f"{key} = {pattern!r} has the placeholder {{{unknown[0]}}}; allowed are {allowed}")
    if "condition" not in used["after"]:
        raise UserError(f"after = {after!r} has no {{condition}}; put it where the condition's name stands")
    if before is None:
        return
    further = sorted(set(used["before"]) - set(used["after"]))
    if further:
        raise UserError(f"before = {before!r} has {{{further[0]}}}, which after = {after!r} lacks; use it in both")
    if after.removesuffix(".gz") == before.removesuffix(".gz"):
        raise UserError(
            f"after and before are both {after!r}; they must find different files; leave before "
            "out where each table holds the rows `before` too, as `weightscape spectra --before` writes it"
        )


def _check_members(
    families: Mapping[str, tuple[str, ...]], baselines: Mapping[str, str], groups: Mapping[str, tuple[str, ...]]
) -> None:
    """Each family has a baseline that it does not pool, and each condition one family and one group."""
    for family, members in families.items():
        if family not in baselines:
            raise UserError(f"baseline names none for the family {family!r}; add it")
        if baselines[family] in members:
            raise UserError(f"families.{family} holds its own baseline {baselines[family]!r}; take it out")
    unknown = sorted(set(baselines) - set(families))
    if unknown:
        raise UserError(f"baseline names the family {unknown[0]!r}, which families does not define")
    pooled = [name for members in families.values() for name in members]
    for what, found in (("families", pooled), ("groups", [name for members in groups.values() for name in members])):
        twice = [name for name, count in Counter(found).items() if count > 1]
        if twice:
            raise UserError(f"{what} name the condition {twice[0]!r} twice; keep it in one")
        strange = sorted(set(found) - set(pooled))
        if strange:
            raise UserError(f"{what} name the condition {strange[0]!r}, which families does not define")
        missing = [name for name in pooled if name not in found]
        if missing:
            raise UserError(f"{what} do not hold the condition {missing[0]!r}; add it to one of them")
    against = {name: baselines[family] for family, members in families.items() for name in members}
    for group, members in groups.items():
        other = next((name for name in members if against[name] != against[members[0]]), None)
        if other is not None:
            raise UserError(
                f"groups.{group} holds {members[0]!r} with the baseline {against[members[0]]!r} and {other!r} with the "
                f"baseline {against[other]!r}; a group needs one baseline: make two groups of it"
            )
