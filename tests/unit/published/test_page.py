"""The claims on the page of a reanalysis: their sheet, and what stands beside the estimates."""

import pandas as pd

from weightscape.published import page

NAN = float("nan")


def test_the_sheet_of_claims_has_verdict_estimate_reason_and_controls() -> None:
    row = {"claim": "C1", "dataset": "cats", "verdict": "supported", "estimate": -0.25, "low": -0.5, "high": 0.0}
    row |= {"unit": "log10", "n": 6, "reason": "as stated.", "aside": "", "controls": "a_a: passed"}
    bare = row | {"claim": "C8", "estimate": NAN, "low": NAN, "high": NAN, "verdict": "undecided"}
    apart = row | {"aside": "With noise, the verdict is the same."}
    sheet = page.claims(pd.DataFrame([row, bare, apart]), 0.99)
    minus = "\N{MINUS SIGN}"
    shown = f"{minus}0.25 ({minus}0.5 to 0) log10"
    assert sheet.rows[0] == ["C1", "cats", "supported", shown, "6", "as stated.", "a_a: passed"]
    assert sheet.rows[2][5] == "as stated. With noise, the verdict is the same."
    assert sheet.rows[1][3] == page.ABSENT and len(sheet.head) == len(sheet.rows[0])
    assert "claims.csv" in sheet.note and "intervals are at 99 %" in sheet.note


def test_the_note_of_the_estimates_depends_on_whether_there_are_verdicts() -> None:
    table = pd.DataFrame(columns=["dataset", "metric", "family", "other", "statistic", "value", "norm", "n"])
    assert "Every verdict is undecided" in page.contrasts(table).note
    assert "verdicts stand with the claims" in page.contrasts(table, tested=True).note
