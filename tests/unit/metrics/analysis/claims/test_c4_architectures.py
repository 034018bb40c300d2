"""C4: the pattern over architectures."""

from dataclasses import replace

from unit.metrics.planted import claim_row, options
from weightscape.metrics.analysis.claims.c4_architectures import over_setups, pattern
from weightscape.metrics.analysis.claims.table import overall
from weightscape.metrics.analysis.verdicts import Verdict

OPTIONS = options(scratch=["b1"])


def test_c4_needs_a_backbone_of_each_kind_and_every_setup():
    two = [claim_row(name, "supported", claim="C4") for name in ("b0", "b1")]
    assert overall(two, OPTIONS)[0].verdict == "supported"
    for scratch, words in (((), "no backbone from scratch"), (("b0", "b1"), "no pre-trained backbone")):
        found = over_setups(two[0], two, replace(OPTIONS, scratch=scratch))
        assert found.verdict == "undecided" and words in found.reason
    assert "has one backbone" in overall(two[:1], OPTIONS)[0].reason
    two[1] = replace(two[1], verdict=Verdict.UNDECIDED)
    assert overall(two, OPTIONS)[0].verdict == "undecided"
    two[1] = replace(two[1], verdict=Verdict.CONTRADICTED, p=0.03)
    assert overall(two, OPTIONS)[0].verdict == "undecided"
    two[1] = replace(two[1], p=0.02)
    assert overall(two, OPTIONS)[0].verdict == "contradicted"


def test_c4_in_a_setup_is_corrected_for_its_three_claims():
    parts = [claim_row("b", "supported", p=p) for p in (0.01, 0.02, 0.03)]
    assert pattern(parts, 0.05) == ("supported", 0.03)
    parts[0] = replace(parts[0], verdict=Verdict.CONTRADICTED, p=0.02)
    assert pattern(parts, 0.05)[0] == "undecided"
    assert pattern([replace(parts[0], p=0.01), *parts[1:]], 0.05) == ("contradicted", 0.03)
