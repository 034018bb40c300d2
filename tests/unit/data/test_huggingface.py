"""Data sets of the library `datasets`, from folders."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unit.data.source_miniatures import SPLITS, hub_block, picture, run
from weightscape.data import huggingface as hub_sets
from weightscape.data import sources
from weightscape.data.settings import Columns, Domain, HubSet, Parts, source_of
from weightscape.errors import UserError
from weightscape.study.checks import own_files


def _set(path: str, configuration: str | None = None) -> HubSet:
    return HubSet("huggingface", path, configuration, None, Parts("train", None))


@pytest.mark.process
@pytest.mark.parametrize("form", ["saved", "parquet"])
def test_a_datasets_folder_is_split_by_its_domains(
    hub: dict[str, Path], form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    splits = {"train": "all", "val": 3, "test": 6, "extra": 3}
    seen = {split: run(tmp_path, hub_block(hub[form]), split, splits=splits) for split in splits}
    codes = np.concatenate([images[:, 0, 0, 0] for images, _, _ in seen.values()])
    assert sorted(codes) == list(range(18))
    assert all(np.array_equal(labels, images[:, 0, 0, 0] % 3) for images, labels, _ in seen.values())
    ood = {"source": "domain", "domain": "sketch", "images": "all"}
    images, labels, record = run(tmp_path, hub_block(hub[form], unreadable=0.1), "ood-sketch", ood=ood)
    assert sorted(images[:, 0, 0, 0]) == list(range(18, 35)) and np.array_equal(labels, images[:, 0, 0, 0] % 3)
    assert record["facts"]["unreadable"]["skipped"] == 1 and record["facts"]["classes"] == ["x", "y", "z"]


def test_wrong_columns_domains_and_parts_are_said_with_those_that_are_there(hub: dict[str, Path]) -> None:
    good = hub_block(hub["saved"])
    columns = good["columns"]
    for change, message in (
        ({"domain": "photo"}, "has no domain 'photo'; it has real, sketch"),
        ({"columns": columns | {"image": "image"}}, "has no column 'image'; it has img, kind, style"),
        ({"columns": columns | {"image": "kind"}}, "has ClassLabel in the column 'kind', not images"),
        ({"columns": columns | {"label": "img"}}, "has Image in the column 'img', not one name or number per image"),
        ({"parts": {"train": "training", "test": None}}, "has no part 'training'; it has train: correct `parts`"),
        ({"configuration": "large"}, "save_to_disk, which keeps one configuration: set `configuration` to null"),
    ):
        with pytest.raises(UserError, match=message):
            sources.pool_of(source_of(good | change), "train", SPLITS, 0)


@pytest.mark.parametrize("form", ["struct", "binary", "string"])
def test_columns_of_bytes_and_of_paths_hold_images(tmp_path: Path, form: str) -> None:
    import datasets

    Image.fromarray(picture(7)).save(tmp_path / "7.png")
    content, path = (tmp_path / "7.png").read_bytes(), str(tmp_path / "7.png")
    text, binary = datasets.Value("string"), datasets.Value("binary")
    value = {"struct": {"bytes": content, "path": None}, "binary": content, "string": path}[form]
    feature = {"struct": {"bytes": binary, "path": text}, "binary": binary, "string": text}[form]
    features = datasets.Features(img=feature, kind=text)
    rows = datasets.Dataset.from_list([{"img": value, "kind": "x"}], features=features)
    datasets.DatasetDict(train=rows).save_to_disk(str(tmp_path))
    pool = hub_sets.part(_set(str(tmp_path)), "train", Columns("img", "kind", None))
    assert pool.encoded is not None and pool.encoded(np.array([0])) == [path if form == "string" else content]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("class", [0, 1, -1, 1]),
        ("class", [0, 1, None, 1]),
        ("string", ["x", "y", None, "y"]),
        ("string", ["x", "y", " ", "y"]),
        ("string", ["x", "y", "nan", "y"]),
        ("float32", [0.0, 1.0, float("nan"), 1.0]),
    ],
)
def test_rows_without_a_label_are_counted(tmp_path: Path, kind: str, values: list[Any]) -> None:
    import datasets

    feature = datasets.ClassLabel(names=["x", "y"]) if kind == "class" else datasets.Value(kind)
    features = datasets.Features(img=datasets.Image(decode=False), kind=feature, style=datasets.Value("string"))
    rows = [{"img": {"bytes": b"", "path": None}, "kind": value, "style": "real"} for value in values]
    part = datasets.Dataset.from_list(rows, features=features)
    datasets.DatasetDict(train=part, test=part).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(UserError, match=r"has 1 of 4 rows without a 'kind' .the first: 2.: use a part that has it"):
        sources.pool_of(source_of(hub_block(tmp_path / "saved")), "train", SPLITS, 0)


def test_blanks_around_a_name_make_no_class_of_their_own(tmp_path: Path) -> None:
    import datasets

    rows = [{"img": {"bytes": b"", "path": None}, "kind": name, "style": "real"} for name in ("x", "x ", "\ty", "y")]
    features = {"img": datasets.Image(decode=False), **dict.fromkeys(("kind", "style"), datasets.Value("string"))}
    part = datasets.Dataset.from_list(rows, features=datasets.Features(features))
    datasets.DatasetDict(train=part).save_to_disk(str(tmp_path))
    pool = hub_sets.part(_set(str(tmp_path)), "train", Columns("img", "kind", None))
    assert pool.classes == ["x", "y"] and pool.labels.tolist() == [0, 0, 1, 1]


def test_names_in_two_spellings_are_refused(tmp_path: Path) -> None:
    import datasets

    rows = [{"img": {"bytes": b"", "path": None}, "kind": name} for name in ("Cat", "cat", "dog")]
    features = datasets.Features({"img": datasets.Image(decode=False), "kind": datasets.Value("string")})
    datasets.DatasetDict(train=datasets.Dataset.from_list(rows, features=features)).save_to_disk(str(tmp_path))
    columns = {"image": "img", "label": "kind", "domain": None}
    source = source_of(hub_block(tmp_path, columns=columns, domain=None, parts={"train": "train", "test": None}))
    with pytest.raises(UserError, match="has the classes 'Cat' and 'cat': put both into one, or name the `classes`"):
        sources.opened(source)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"parts": {"train": "train", "test": "train"}}, "data.a.parts has 'train' for training and for testing"),
        ({"domain": "sketch"}, "data.a.ood.sketch.domain = 'sketch' is also trained on"),
        ({"domain": None}, "data.a.ood.sketch.domain = 'sketch' is also trained on"),
    ],
)
def test_images_that_would_be_trained_and_tested_on_are_refused(change: dict[str, Any], sentence: str) -> None:
    block = hub_block(Path("none")) | {"ood": {"sketch": {"source": "domain", "domain": "sketch", "images": "all"}}}
    own_files.check_data({"data": {"a": block}}, "a")
    with pytest.raises(UserError, match=re.escape(sentence)):
        own_files.check_data({"data": {"a": block | change}}, "a")


def test_classes_that_are_text_mean_the_same_in_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    import datasets

    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))

    def made(names: str, style: str) -> Any:
        rows = []
        for code, name in enumerate(names):
            stream = io.BytesIO()
            Image.fromarray(picture(code)).save(stream, "PNG")
            rows.append({"img": {"bytes": stream.getvalue(), "path": None}, "kind": name, "style": style})
        features = datasets.Features(
            img=datasets.Image(decode=False), kind=datasets.Value("string"), style=datasets.Value("string")
        )
        return datasets.Dataset.from_list(rows, features=features)

    both = datasets.concatenate_datasets([made("bcbcbc", "real"), made("cb", "sketch")])
    parts = datasets.DatasetDict(train=made("abcabcabcabc", "real"), test=both, odd=made("abd", "real"))
    parts.save_to_disk(str(tmp_path / "saved"))
    source = hub_block(tmp_path / "saved", parts={"train": "train", "test": "test"})
    splits = {"train": "all", "val": 1, "test": "all", "extra": 1}
    test = sources.pool_of(source_of(source), "test", splits, 0)
    assert test.classes == ["a", "b", "c"]
    assert {test.name(row)[-2]: label for row, label in enumerate(test.labels)} == {str(k): 1 + k % 2 for k in range(6)}
    shifted = sources.shifted(source_of(source), Domain("domain", "sketch", "all"), 0)
    assert shifted.classes == ["a", "b", "c"] and shifted.labels.tolist() == [2, 1]
    with pytest.raises(UserError, match="is of the class 'd', which the training set does not have"):
        sources.pool_of(source_of(source | {"parts": {"train": "train", "test": "odd"}}), "test", splits, 0)
    chosen = source | {"parts": {"train": "train", "test": "odd"}, "classes": ["b", "a"]}
    assert sorted(sources.pool_of(source_of(chosen), "test", splits, 0).labels) == [0, 1]


@pytest.mark.parametrize("split", [None, "test"])
def test_a_saved_data_set_without_parts_is_one_part(tmp_path: Path, split: str | None) -> None:
    import datasets

    features = datasets.Features(img=datasets.Image(decode=False), kind=datasets.ClassLabel(names=["x", "y"]))
    rows = [{"img": {"bytes": b"", "path": None}, "kind": row % 2} for row in range(4)]
    whole = datasets.Dataset.from_list(rows, features=features, split=datasets.Split(split) if split else None)
    whole.save_to_disk(str(tmp_path / "saved"))
    where, columns = _set(str(tmp_path / "saved")), Columns("img", "kind", None)
    own, other = ("train", "test") if split is None else ("test", "train")
    assert hub_sets.part(where, own, columns).labels.tolist() == [0, 1, 0, 1]
    for wrong in (other, "nonsense"):
        with pytest.raises(UserError, match=f"has no part '{wrong}'; it has {own}: correct `parts`"):
            hub_sets.part(where, wrong, columns)


def test_one_configuration_of_several_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    features = datasets.Features(img=datasets.Image(decode=False), kind=datasets.ClassLabel(names=["x", "y"]))
    for name, count in (("small", 2), ("large", 4)):
        rows = [{"img": {"bytes": b"", "path": None}, "kind": row % 2} for row in range(count)]
        (tmp_path / "sets" / name).mkdir(parents=True)
        datasets.Dataset.from_list(rows, features=features).to_parquet(str(tmp_path / "sets" / name / "train.parquet"))
    listed = [f"- config_name: {name}\n  data_dir: {name}" for name in ("small", "large")]
    (tmp_path / "sets" / "README.md").write_text("\n".join(["---", "configs:", *listed, "---"]))
    columns = Columns("img", "kind", None)
    found = {
        name: len(hub_sets.part(_set(str(tmp_path / "sets"), name), "train", columns).labels)
        for name in ("small", "large")
    }
    assert found == {"small": 2, "large": 4}
    for wrong in (None, "huge"):
        with pytest.raises(UserError, match=r"cannot be read .*small.*large.*correct `path`, `configuration` and `pa"):
            hub_sets.part(_set(str(tmp_path / "sets"), wrong), "train", columns)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"path": "./none"}, "config: data.a.path = './none' is no folder"),
        ({"parts": {"train": "training", "test": None}}, "config: data.a.parts has 'training', but "),
        ({"columns": {"image": "png", "label": "kind", "domain": "style"}}, "data.a.columns.image = 'png', but "),
    ],
)
def test_a_folder_that_cannot_be_what_the_config_says_is_said_before_the_first_job(
    hub: dict[str, Path], change: dict[str, Any], sentence: str
) -> None:
    block = hub_block(hub["saved"]) | {"ood": {}}
    own_files.check_data({"data": {"a": block}}, "a")
    own_files.check_data({"data": {"a": block | {"path": "someone/images"}}}, "a")
    with pytest.raises(UserError, match=re.escape(sentence)):
        own_files.check_data({"data": {"a": block | change}}, "a")
