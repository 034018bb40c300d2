"""Every file of an image folder is read or counted, whatever it holds and wherever it lies."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unit.data.source_miniatures import block, run


def encoded(kind: str, number: int) -> bytes:
    """A file of some kind; images of one set differ."""
    if kind in ("empty", "text"):
        return b"" if kind == "empty" else b"<html>"
    values = np.random.default_rng(number).integers(0, 256, (20, 16, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).convert("CMYK" if kind == "TIFF" else "RGB").save(stream, kind)
    return stream.getvalue() if number % 5 else stream.getvalue()[:60]


@pytest.mark.process
@settings(max_examples=12, deadline=None)
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
        facts = {name: run(Path(temporary), source, name, splits=splits)[2]["facts"] for name in splits}
        read = sum(one["images"] + one["unreadable"]["skipped"] for one in facts.values())
        assert read + sum(sum(facts[name]["left_out"].values()) for name in ("train", "val", "test")) == files
