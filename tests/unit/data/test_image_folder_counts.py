"""Every file of an image folder is read or counted, whatever it holds and wherever it lies."""

import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from unit.data.source_miniatures import block, run
from weightscape.data import image_folder
from weightscape.errors import UserError


def encoded(kind: str, number: int) -> bytes:
    """A file of some kind; images of one set differ."""
    if kind in ("empty", "text"):
        return b"" if kind == "empty" else b"<html>"
    values = np.random.default_rng(number).integers(0, 256, (20, 16, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).convert("CMYK" if kind == "TIFF" else "RGB").save(stream, kind)
    return stream.getvalue() if number % 5 else stream.getvalue()[:60]


@pytest.mark.process
@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "empty", "text"]),
            st.sampled_from([".png", ".JPG", ".gif", ".tif", ".webp", ".txt", "", ".heic"]),
            st.sampled_from(["", "deep/", "deep/er/", ".git/", "@eaDir/"]),
            st.sampled_from(["train", "test", "valid"]),
        ),
        max_size=25,
    )
)
def test_every_file_of_a_set_is_an_image_of_a_split_or_counted(drawn: list[tuple[str, str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root, hidden = Path(temporary, "set"), set()
        first = [("PNG", f"-{part}-{name}.png", "", part) for part in ("train", "test", "valid") for name in range(4)]
        for number, (kind, ending, place, part) in enumerate([*first, *drawn], 1):
            path = root / part / ("cat", "dog")[number % 2] / place / f"{number}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(kind, number if number > len(first) else 5 * number + 1))
            hidden |= {path.parent} if place in (".git/", "@eaDir/") else set()
        files = sum(path.is_file() and path.parent not in hidden for path in root.rglob("*")) + len(hidden)
        source = block("image_folder", root=str(root), unreadable=1.0)
        splits = {"train": "all", "val": "all", "test": "all", "extra": 1}
        try:
            facts = {name: run(Path(temporary), source, name, splits=splits)[2]["facts"] for name in splits}
        except UserError as error:  # the one image of `extra` may be one of those that cannot be read
            assume("not one image of" not in str(error))
            raise
        read = sum(one["images"] + one["unreadable"]["skipped"] for one in facts.values())
        assert read + sum(sum(facts[name]["left_out"].values()) for name in ("train", "val", "test")) == files


def test_a_split_of_which_no_image_can_be_read_is_refused_at_any_limit(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "test").glob("*/*"):
        path.write_bytes(b"no image")
    source = block("image_folder", root=str(folder), unreadable=1.0)
    with pytest.raises(UserError, match=r"not one image of .* can be read"):
        run(tmp_path, source, "test", splits={"train": "all", "test": "all"})


def test_hidden_files_and_folders_are_no_images(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "a" / "._000.png").write_bytes(b"of macOS")
    (folder / "train" / "a" / "more.png").mkdir()
    (folder / "train" / ".cache").mkdir()
    assert len(image_folder.part(folder, "train").labels) == 60


@pytest.mark.parametrize(
    ("names", "masks"),
    [
        (["000_mask.png", "000_MASK_1.png", "002-seg.tif"], 3),
        (["masks/1.png", "masks/more/2.png", "images/1.png", "images/2.png"], 2),
        (["man_mask.png", "a_mask_b.png", "_mask.png", "000_masked.png"], 0),
        (["masks/1.png"], 0),
    ],
)
def test_masks_beside_their_images_are_no_images(folder: Path, names: list[str], masks: int) -> None:
    for name in names:
        place = folder / "train" / "a" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"")
    pool = image_folder.part(folder, "train")
    assert len(pool.labels) == 60 + len(names) - masks and len(pool.left_out.get("mask", ())) == masks


@given(
    seed=st.integers(0, 2**32 - 1),
    names=st.lists(
        st.sampled_from(
            ["a.png", "b.JPG", "c.gif", "d.txt", ".hidden", "e", "f.tga", "g.ppm", "sub", "h.heic", "i.jp2", ".git"]
        ),
        max_size=12,
        unique=True,
    ),
)
def test_every_file_of_a_class_is_read_or_counted(seed: int, names: list[str]) -> None:
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        folder = root / "train" / "cat"
        folder.mkdir(parents=True)
        (folder / "first.png").touch()
        files = 1
        for name in names:
            place = folder / ("deep/deeper" if rng.random() < 0.4 else "")
            place.mkdir(parents=True, exist_ok=True)
            if name in ("sub", ".git"):
                (place / name).mkdir()
                files += name == ".git"
            else:
                (place / name).touch()
                files += 1
        pool = image_folder.part(root, "train")
        assert len(pool.labels) + sum(map(len, pool.left_out.values())) == files
        assert len({pool.name(row) for row in range(len(pool.labels))}) == len(pool.labels)


def test_the_endings_are_those_of_the_formats_that_pillow_reads() -> None:
    Image.init()
    stubs = {"BUFR", "GRIB", "HDF5", "MPEG", "WMF"}
    read = {
        ending for ending, kind in Image.registered_extensions().items() if kind in Image.OPEN and kind not in stubs
    }
    assert read <= set(image_folder.ENDINGS)


@pytest.mark.parametrize("name", image_folder.SYSTEMS)
def test_folders_that_a_system_left_hold_no_images(folder: Path, name: str) -> None:
    whole = image_folder.part(folder, "train")
    for place in (folder / "train", folder / "train" / "a", folder):
        shutil.copytree(folder / "test" / "a", place / name)
    found = image_folder.part(folder, "train")
    assert [found.name(row) for row in range(60)] == [whole.name(row) for row in range(60)]
    assert len(found.labels) == 60 and found.left_out == {"hidden folder": [f"train/{name}", f"train/a/{name}"]}


def test_what_is_left_out_stands_in_the_manifest_and_the_log(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "train" / "a" / "notes.txt").touch()
    (folder / "train" / "readme").touch()
    (folder / "unlabeled").mkdir()
    _, _, record = run(tmp_path, block("image_folder", root=str(folder)), "train")
    assert record["facts"]["left_out"] == {"ending .txt": 1, "in no class": 1, "beside train/": 1}
    said = capsys.readouterr().out
    assert "left out: ending .txt: train/a/notes.txt\n" in said and "left out: beside train/: unlabeled/\n" in said
