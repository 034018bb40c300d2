"""A library that is not installed is named with the extra that brings it in."""

import pytest

from weightscape import cli
from weightscape.commands import spectra


@pytest.mark.parametrize(
    ("library", "extra"), [("torch.nn", "torch"), ("snakemake.api", "workflow"), ("matplotlib", "figures")]
)
def test_a_library_that_is_missing_is_named_with_its_extra(
    library: str, extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> None:
        raise ModuleNotFoundError(f"No module named {library!r}", name=library)

    monkeypatch.setattr(spectra, "run", run)
    assert cli.main(["spectra", "a.pth", "--out", "a.csv"]) == 1
    assert f"spectra: needs {library}: pip install 'weightscape[{extra}]'" in capsys.readouterr().err


def test_an_unknown_missing_module_is_our_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: object) -> None:
        raise ModuleNotFoundError("No module named 'nowhere'", name="nowhere")

    monkeypatch.setattr(spectra, "run", run)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["spectra", "a.pth", "--out", "a.csv"])
