"""The report's page: whole, offline, readable, and in agreement with the tables."""

import base64
import html.parser
import io
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unit.figures import made_tables
from weightscape.errors import UserError
from weightscape.figures.parts import style
from weightscape.formats.tables import read_table, write_table
from weightscape.formats.typed import to_json
from weightscape.metrics.spectral_metrics import METRICS
from weightscape.metrics.tables import costs
from weightscape.project import REPORT
from weightscape.report import claims, downloads, explorer, explorer_blocks, origin, sheets, summary
from weightscape.report.page import methods
from weightscape.stages import report as stage
from weightscape.study.config import default_config, differences
from weightscape.study.settings import offered

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
FIGURES = ["accuracy_by_dose", "esd"]
LIBRARY = "window.vegaEmbed = null;"  # the real one takes seconds to bundle; tests/browser uses it


@pytest.fixture(autouse=True, scope="module")
def small_library():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("weightscape.report.page.library", lambda: LIBRARY)
        yield


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return made_tables.study(layers=4)


def build(folder: Path, tables: dict[str, pd.DataFrame], **changes: Any) -> str:
    """The page of the given tables, with one-pixel figures; `changes` are of its settings."""
    for name in tables:
        tables[name].to_parquet(folder / f"{name}.parquet")
    for name in FIGURES:
        (folder / f"{name}.png").write_bytes(PNG)
    arguments = [
        "--tables",
        str(folder),
        "--figures",
        str(folder),
        "--out",
        str(folder / "out" / "report.html"),
    ]
    arguments += ["--parts", str(REPORT)]
    settings = {"figures": FIGURES, "tables": offered(), "title": "Digits <1>", "config": None, "differences": None}
    stage.main([*arguments, "--settings", json.dumps(settings | changes)])
    return (folder / "out" / "report.html").read_text()


@pytest.fixture(scope="module")
def page(tables, tmp_path_factory) -> str:
    return build(tmp_path_factory.mktemp("report"), tables)


class Tags(html.parser.HTMLParser):
    """Tags in order with their attributes; complains about tags that do not close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "link", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.process
def test_the_page_is_well_formed_and_asks_for_nothing_outside_of_itself(page):
    tags = Tags(page)
    assert not tags.open
    links = [value for _, attrs in tags.found for key, value in attrs.items() if key in ("src", "href")]
    assert links and all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\(|@import|<script[^>]* src|<link", page)


def test_links_lead_to_parts_of_the_page_and_names_are_unique(page):
    tags = Tags(page).found
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"][1:] for tag, attrs in tags if tag == "a" and attrs["href"][0] == "#"} <= set(ids)


def test_pictures_have_words_and_cells_have_headers(page):
    tags = Tags(page).found
    assert [attrs["alt"] for tag, attrs in tags if tag == "img" and attrs["alt"]][1].startswith("Empirical spectral")
    assert ("html", {"lang": "en"}) in tags
    assert all(attrs.get("scope") in ("row", "col") for tag, attrs in tags if tag == "th")


def test_a_title_with_markup_is_text(page):
    assert "Digits &lt;1&gt;" in page
    assert "Digits <1>" not in page


def test_the_accuracy_table_is_mean_and_sd_over_seeds(page, tables):
    evaluation = tables["evaluation"]
    chosen = evaluation[(evaluation["family"] == "dropout") & (evaluation["dose"] == "strong")]
    test = 100 * chosen.loc[chosen["split"] == "test", "accuracy"]
    away = chosen["split"].str.startswith("ood-") & (chosen["split"] != "ood-noise-3")  # the noise family trains on it
    ood = 100 * chosen[away].groupby("seed")["accuracy"].mean()
    row = next(row for row in sheets.accuracy(evaluation).rows if row[:2] == ["dropout", "strong"])
    assert row[2:6] == ["0.5", "3", *(f"{x.mean():.1f} ± {x.std(ddof=1):.1f}" for x in (test, ood))]
    assert f"<td>{row[4]}</td><td>{row[5]}</td>" in page


def test_the_summary_means_over_the_same_sets_as_the_table(tables):
    evaluation = tables["evaluation"]
    away = evaluation[evaluation["split"].str.startswith("ood-") & (evaluation["split"] != "ood-noise-3")]
    runs = away[away["dose"] == "baseline"].groupby(["family", "seed"])["accuracy"].mean()
    words = f"mean OOD accuracy {100 * runs.mean():.1f} ± {100 * runs.std():.1f} %"
    assert words in summary.baseline(evaluation)


def test_the_summary_says_what_the_judge_recognises_of_every_recipe(tables):
    (found,) = summary.recognised(tables["quality"])
    assert "74.2 % (recipe blind, guidance 0), 91.3 % (recipe guided, guidance 2), 88.4 % (recipe strong" in found


def test_the_effects_are_those_of_hidden_layers_with_their_change(tables):
    kept = tables["run_effects"].query("role == 'hidden' and source == 'change' and metric == 'log_norm'")
    chosen = kept.query("family == 'weight_decay' and dose == 'strong'")
    row = next(
        row
        for row in sheets.effect(tables["effect_intervals"], "interval").rows
        if row[:2] == ["weight decay", "strong"]
    )
    expected = [chosen["value_mean"].mean(), chosen["effect_mean"].mean()]
    assert [float(cell.split(" ")[0].replace("\N{MINUS SIGN}", "-")) for cell in (row[4], row[5])] == pytest.approx(
        expected, abs=6e-6
    )


def test_the_downloads_hold_the_numbers_of_the_tables(page, tables):
    (link,) = re.findall(r'download="conditions.csv" href="data:text/csv;base64,([^"]+)"', page)[:1]
    table = pd.read_csv(io.BytesIO(base64.b64decode(link)))
    table = table.fillna({"reason": "", "choice": ""})
    pd.testing.assert_frame_equal(table, tables["conditions"].reset_index(drop=True), check_dtype=False)


def test_data_set_and_backbone_are_columns_where_there_are_several(tables):
    evaluation = tables["evaluation"]
    assert sheets.accuracy(evaluation).head[:2] == ["family", "dose"]
    twice = pd.concat([evaluation, evaluation.assign(dataset="letters")])
    assert sheets.accuracy(twice).head[:3] == ["data set", "backbone", "family"]
    assert {row[0] for row in sheets.accuracy(twice).rows} == {"digits", "letters"}


def test_the_summary_names_families_that_move_and_those_that_do_not(tables):
    effects = tables["condition_effects"].query("scope == 'hidden'")
    conditions = tables["conditions"]
    differs, alike = summary.moved(effects, conditions).split("not told")
    assert "weight decay (\N{MINUS SIGN}0." in differs and "augment" in alike
    moving = effects.assign(p_holm=np.where(effects["family"] == "augment", 0.01, effects["p_holm"]))
    assert "augment (" in summary.moved(moving, conditions).split("not told")[0]


def test_the_summary_claims_nothing_of_what_holm_or_the_destroyed_accuracy_forbids(tables):
    effects = tables["condition_effects"].query("scope == 'hidden'").assign(low=1.0, high=2.0, p_holm=0.2)
    told = summary.moved(effects, tables["conditions"])
    assert "log10 norm is changed by no family" in told
    assert "destructive at every dose: label noise (validation accuracy 6.1 points below baseline)" in told


def test_the_summary_of_a_study_whose_doses_all_destroy_asks_for_no_seeds(tables):
    effects = tables["condition_effects"].query("scope == 'hidden'").assign(destructive=True)
    told = summary.moved(effects, tables["conditions"].assign(destructive=True, reason="x"))
    assert "seeds" not in told and "destructive at every dose: augment (x)" in told


def test_the_summary_tells_of_a_judge_that_knows_too_little_and_of_drops_that_may_be_chance(tables):
    conditions = tables["conditions"].assign(judge_accuracy=0.9, borderline=False)
    assert summary.left_out(conditions) == []
    poor = conditions.assign(judge_accuracy=0.43)
    near = (poor["family"] == "augment") & (poor["dose"] == "weak")
    poor = poor.assign(borderline=near, reason=np.where(near, "validation accuracy 5.2 points below baseline", ""))
    first, second = summary.left_out(poor)
    assert first.startswith("the judge recognises 43.0 % of the unchanged training images, too few")
    assert "augment, weak (validation accuracy 5.2 points below baseline)" in second


def test_numbers_have_the_digits_that_their_interval_bears(tables):
    assert claims.rounded([0.0001019, -0.0002771, 0.0004809]) == ["0.00010", "\N{MINUS SIGN}0.00028", "0.00048"]
    wide = [
        "\N{MINUS SIGN}1.494 \N{MULTIPLICATION SIGN} 10⁷",
        "\N{MINUS SIGN}1.5 \N{MULTIPLICATION SIGN} 10⁷",
        "3 \N{MULTIPLICATION SIGN} 10¹⁰",
    ]
    assert claims.rounded([-14944732.0, -15001000.0, 3e10]) == wide
    assert claims.number(3.2e-7) == "3.2 \N{MULTIPLICATION SIGN} 10⁻⁷" and claims.number(270.0) == "270"
    row = tables["claims"].iloc[0].to_dict()
    row |= {"metric": "test accuracy", "estimate": -0.002333, "low": -0.04106, "high": 0.0364, "unit": "share", "n": 12}
    found = claims.estimate(pd.Series(row)).replace("\N{MINUS SIGN}", "-")
    assert found == "test accuracy -0.2 [-4.1, 3.6] percentage points (t interval), n = 12 runs"


@pytest.mark.process
def test_one_seed_has_no_spread_and_claims_nothing(tmp_path):
    tables = made_tables.study(seeds=1, layers=3, families=("dropout",))
    page = build(tmp_path, tables)
    assert "need at least two seeds" in page
    assert re.search("<td>[0-9.]+ ± \N{EN DASH}</td>", page)
    assert not re.search(r"\bnan\b", re.sub('base64,[^"]+', "", page), re.IGNORECASE)


@pytest.mark.process
def test_empty_tables_are_said_to_be_empty(tables, tmp_path):
    page = build(tmp_path, {name: table.head(0) for name, table in tables.items()})
    assert "No run of this study is finished." in page
    assert page.count("This study has no such rows.") == 5


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in Tags(page).found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_lists_in_a_download_are_written_as_stage_6_writes_them(tables, tmp_path):
    lists = tables["quality"].assign(judge_accuracy_per_class=[[0.8, 0.9], [0.7, 1.0], [0.5, 0.25]])
    write_table(tmp_path / "quality.csv", lists)
    write_table(tmp_path / "quality.parquet", lists)
    found = downloads.download("quality", "", read_table(tmp_path / "quality.parquet"))
    assert base64.b64decode(found.uri.partition(",")[2]) == (tmp_path / "quality.csv").read_bytes()
    sheet = sheets.quality(read_table(tmp_path / "quality.parquet"))
    assert '"[0.8, 0.9]"' in base64.b64decode(sheet.csv).decode()


@pytest.mark.process
def test_the_config_is_shown_as_it_was_written(tables, tmp_path):
    page = build(tmp_path, tables, config={"study": {"seeds": [0, 1]}, "data": "<b>", "analyse": {"alpha": 0.05}})
    assert "study:\n  seeds:\n  - 0\n  - 1\ndata: &lt;b&gt;" in page


@pytest.mark.process
def test_the_record_names_inputs_and_the_page_is_the_same_twice(tables, tmp_path):
    first = build(tmp_path, tables)
    assert build(tmp_path, tables) == first
    record = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {"runs.parquet", "esd.png", "esd.md", "report.html.j2"} <= set(record["inputs"])


def test_a_figure_that_was_not_made_is_named(tables, tmp_path):
    with pytest.raises(UserError, match=r"pie\.png does not exist: run its figure"):
        build(tmp_path, tables, figures=["pie"])


@pytest.mark.parametrize("theme", [0, 1])
def test_words_stand_out_from_the_page_in_light_and_dark(page, theme):
    """Contrast of at least 4.5, WCAG 2 level AA, on the page and on bands."""
    block = re.findall(r":root \{([^}]*)\}", page)[theme]
    color = {name: luminance(value) for name, value in re.findall(r"--(\w+): (#\w{6})", block)}
    for text in ("text", "quiet", "link"):
        for ground in ("page", "band"):
            low, high = sorted((color[text], color[ground]))
            assert (high + 0.05) / (low + 0.05) >= 4.5


def luminance(color: str) -> float:
    light = np.where(style.rgb(color) <= 0.04045, style.rgb(color) / 12.92, ((style.rgb(color) + 0.055) / 1.055) ** 2.4)
    return float(light @ [0.2126, 0.7152, 0.0722])


def test_the_summary_is_made_from_the_claims(page, tables):
    counts = tables["claims"].query("backbone == 'all'")["verdict"].value_counts()
    words = ", ".join(f"{counts[name]} {name}" for name in ("supported", "contradicted", "undecided"))
    assert f"Of {counts.sum()} claims that were tested, {words}." in page
    turned = tables["claims"].assign(verdict="contradicted")
    told = claims.summary(claims.claims(turned, tables["tests"]))[0]
    assert told.endswith(f"{counts.sum()} contradicted, 0 undecided.")


def test_a_claim_says_what_its_n_counts(page, tables):
    row = tables["claims"].iloc[0].to_dict() | {"estimate": 1.0, "n": 10}
    said = {name: claims.estimate(pd.Series(row | {"claim": name})) for name in ("C1", "C6", "C8")}
    assert [text.split(", n = ")[1] for text in said.values()] == ["10 runs", "10 training sets", "10 conditions"]
    part = re.search('<details class="claim" id="claim-C1">.*?</details>', page, re.DOTALL)
    assert part and ">n (runs)</th>" in part[0]


def test_the_verdict_with_the_destructive_conditions_stands_in_a_paragraph_and_a_column(tmp_path, tables):
    aside = "With the destructive conditions (noise, strong) included, the verdict is undecided (n)."
    page = build(tmp_path, tables | {"claims": tables["claims"].assign(aside=aside)})
    part = re.search('<details class="claim" id="claim-C1">.*?</details>', page, re.DOTALL)
    assert part and f'<p class="quiet">{aside}</p>' in part[0] and ">with destructive conditions</th>" in part[0]


def test_a_claim_opens_its_tests_and_its_controls(page):
    part = re.search('<details class="claim" id="claim-C1">.*?</details>', page, re.DOTALL)
    assert part and "A/A: passed" in part[0] and "dropout" in part[0] and "0.012" in part[0]


@pytest.mark.process
def test_tables_that_are_absent_are_named(tables, tmp_path):
    few = {name: tables[name] for name in ("runs", "evaluation")}
    page = build(tmp_path, few)
    assert "The claims were not tested" in page and "has no table claims" in page


@pytest.mark.process
@pytest.mark.parametrize(("alpha", "words", "p"), [(0.01, "99 % interval", "0.01"), (None, "interval", "0.05")])
def test_the_page_gives_the_level_of_the_studys_intervals_if_it_is_known(tables, tmp_path, alpha, words, p):
    page = build(tmp_path, tables, config=None if alpha is None else {"analyse": {"alpha": alpha}})
    assert f"each bracket is a {words};" in page and f"mean with its {words}, as" in page
    assert f'"interval":"{words}"' in page and f">{words}</th>" in page
    assert f"p &lt; {p} after Holm" in page and "95 %" not in page


@pytest.mark.process
def test_settings_that_differ_from_the_default_are_listed(tables, tmp_path):
    default = default_config()
    assert default is not None
    config = default | {"finetune": default["finetune"] | {"steps": 7}}
    page = build(tmp_path, tables, config=config, differences=differences(config, default))
    row = re.search(r"finetune\.steps</th>.*?</tr>", page, re.DOTALL)
    assert row and ">7<" in row[0]
    assert "finetune.batch_size</th>" not in page


@pytest.mark.process
def test_costs_are_summed_over_the_jobs_of_a_stage(tables, tmp_path):
    jobs = [tmp_path / "one.json", tmp_path / "other.json"]
    for job, size in zip(jobs, (512, 2048), strict=True):
        job.write_text(json.dumps({"cpu_seconds": 30.0, "wall_seconds": 40.0, "peak_memory_mb": size, "device": "cpu"}))
    stages = [costs.cost_of("4_finetune", "finetune", jobs)]
    (tmp_path / "aggregate.provenance.json").write_text(json.dumps({"stages": to_json(stages)}))
    assert origin.cost_rows(stages)[0] == ["4 finetune", "finetune", "2", "60 s", "80 s", "2.0 GB", "\N{EN DASH}"]
    assert "60 s" in build(tmp_path, tables)


def test_methods_are_rendered_below_the_pages_headings(tmp_path):
    (tmp_path / "methods.md").write_text("# Methods\n\n| a | b |\n|---|---|\n| 1 | <2> |\n")
    html = methods(tmp_path)
    assert "<h3>Methods</h3>" in html and "<td>&lt;2&gt;</td>" in html
    assert methods(tmp_path / "none") == ""


def test_the_explorers_blocks_hold_the_effects_and_the_spectra(tables):
    blocks = explorer.blocks(tables)
    index = blocks["index"]
    place = next(i for i, row in enumerate(index["conditions"]) if row[:2] == ["dropout", "strong"])
    block = blocks["effects-0-log_norm-change"]
    rows = tables["effects"].query("family == 'dropout' and dose == 'strong' and metric == 'log_norm'")
    rows = rows[rows["source"] == "change"]
    for at, name in enumerate(block["layers"]):
        own = rows[rows["layer"] + "/" + rows["part"] == name]["effect"]
        assert block["mean"][place][at] == pytest.approx(own.mean(), rel=1e-3)
    assert block["n"][place] == 3
    spectrum = tables["esd"].query("family == 'dropout' and dose == 'strong' and matrix == 'after'").iloc[0]
    kept = blocks[f"esd-0-{spectrum['layer']}/{spectrum['part']}"]["after"]["spectra"][place][0]
    assert kept == list(spectrum["counts"])


def test_synthetic_pictures_show_every_class(tables):
    samples = tables["samples"].query("kind == 'synthetic' and recipe == 'guided'")
    by_class = samples.assign(position=range(len(samples)))  # as a generator writes them: class after class
    assert set(explorer_blocks.of_each_class(by_class).head(10)["label"]) == set(range(10))


def test_metrics_stand_as_in_the_figures_the_primary_first(tables):
    analysed = set(tables["run_effects"]["metric"])
    assert list(explorer.blocks(tables)["index"]["metrics"]) == [name for name in METRICS if name in analysed]


def test_a_large_study_keeps_spectra_of_layers_over_the_whole_depth(tables, monkeypatch):
    monkeypatch.setattr(explorer, "HISTOGRAMS", 2 * 2 * len(explorer.blocks(tables)["index"]["conditions"]))
    kept = [name for name in explorer.blocks(tables) if name.startswith("esd-")]
    layers = tables["effects"]["layer"].unique()
    assert [name.split("-", 2)[2].split("/")[0] for name in kept] == [layers[0], layers[-1]]
