"""Power and false verdicts of claims C10 and C11 in simulated studies of chosen images and policies; prints tables.

    python tests/benchmarks/choice_power.py [--studies 2000] [--seeds 8 12 16] [--claims C10 C11]

C10: three budgets, four ways of choosing, as in workflow/studies/choose.yaml; each study is drawn by
`unit.metrics.simulated_choices`. The pilot (8 seeds) found gains of log-determinant over random images of 4.5 points of
OOD accuracy, where a run has a standard deviation of 6.1. In null studies the runs of each budget are given each
other's accuracies. The least diverse images lose as much as the most diverse gain, half of it, or nothing.

C11: twelve policies, as in workflow/studies/policies.yaml; each study is drawn by `unit.metrics.simulated_policies`.
The study (12 seeds) found gains of the chosen policy of 14.3 points of OOD accuracy over the strongest one, where a run
has a standard deviation of 4.8, and means of the other policies with one of 4.9.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))

from unit.metrics import simulated_choices, simulated_policies
from unit.metrics.planted import OPTIONS
from unit.metrics.simulated_choices import GAINS, Truth
from weightscape.metrics.analysis.claims import c10_choice, c11_policy

ASKED = replace(OPTIONS, further=simulated_choices.further())
CONFIDENCE = 0.99
PILOT = Truth()
HALF, NONE = GAINS | {"least_diverse": -0.5}, GAINS | {"least_diverse": 0.0}
STUDIES = {
    "null: gains shuffled": (PILOT, True),
    "null: gains shuffled, the least diverse twice as variable": (replace(PILOT, unequal=2.0), True),
    "null: no gains, the least diverse twice as variable": (replace(PILOT, gain=0.0, unequal=2.0), False),
    "only the least diverse lose": (replace(PILOT, gains={"least_diverse": -1.0}), False),
    "pilot's effect": (PILOT, False),
    "pilot's effect, the least diverse lose half as much": (replace(PILOT, gains=HALF), False),
    "pilot's effect, the least diverse lose nothing": (replace(PILOT, gains=NONE), False),
    "two thirds of the pilot's effect": (replace(PILOT, gain=0.03), False),
    "pilot's effect on accuracy: 1.2 points, s.d. 1.2": (replace(PILOT, gain=0.012, noise=0.012), False),
}
"""By what is true: the study, and whether its runs are shuffled."""
FOUND = simulated_policies.Truth(gain=0.143, noise=0.048)
ALIKE = replace(FOUND, gain=0.0)
POLICIES = {
    "null: runs shuffled": (FOUND, True),
    "null: policies alike": (ALIKE, False),
    "null: policies alike, the strongest twice as variable": (replace(ALIKE, unequal=2.0), False),
    "effect found, that of the strongest as large": (replace(FOUND, strongest=0.143), False),
    "effect found": (FOUND, False),
    "a half of it": (replace(FOUND, gain=0.0715), False),
    "a third of it": (replace(FOUND, gain=0.0477), False),
    "a quarter of it": (replace(FOUND, gain=0.0358), False),
    "policies differ as found, whatever their diversity": (replace(ALIKE, spread=0.049), False),
}


def verdict(name: str, seeds: int, number: int) -> str:
    """C10's verdict in the simulated study with this number, without its controls."""
    truth, shuffled = STUDIES[name]
    rng = np.random.default_rng([number, seeds, len(name)])
    made = simulated_choices.setup(replace(truth, seeds=seeds), rng, shuffled)
    return str(c10_choice.decide(made, ASKED).verdict)


def policy_verdict(name: str, seeds: int, number: int) -> str:
    """C11's verdict in the simulated study with this number, without its controls."""
    truth, shuffled = POLICIES[name]
    rng = np.random.default_rng([number, seeds, len(name)])
    made = simulated_policies.setup(replace(truth, seeds=seeds), rng, shuffled)
    return str(c11_policy.decide(made, OPTIONS).verdict)


def choices(number: int, seeds: int) -> dict[str, float]:
    """Marks how C10 comes out, by what is true: 1 or 0 for each verdict."""
    found = {name: verdict(name, seeds, number) for name in STUDIES}
    return {
        f"{outcome}; {name}": float(found[name] == outcome)
        for name in STUDIES
        for outcome in ("supported", "contradicted")
    }


def share(count: int, studies: int) -> str:
    """A share in percent with its 99 % limits (Clopper-Pearson)."""
    limits = stats.binomtest(count, studies).proportion_ci(CONFIDENCE)
    return f"{100 * count / studies:.1f} [{100 * limits.low:.1f}, {100 * limits.high:.1f}]"


def page(names: Iterable[str], decided: Callable[[str, int, int], str], seeds: Sequence[int], studies: int) -> str:
    """The table of results of one claim."""
    lines = ["| truth | seeds | supported, % | contradicted, % |", "|---|---:|---:|---:|"]
    for name in names:
        for number in seeds:
            found = [decided(name, number, study) for study in range(studies)]
            cells = [share(found.count(outcome), studies) for outcome in ("supported", "contradicted")]
            lines.append(f"| {name} | {number} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[8, 12, 16])
    parser.add_argument("--claims", nargs="+", choices=["C10", "C11"], default=["C10", "C11"])
    arguments = parser.parse_args(None if argv is None else list(argv))
    for claim, names, decided in (("C10", STUDIES, verdict), ("C11", POLICIES, policy_verdict)):
        if claim in arguments.claims:
            print(f"{claim}\n\n{page(names, decided, arguments.seeds, arguments.studies)}\n", flush=True)


if __name__ == "__main__":
    main()
