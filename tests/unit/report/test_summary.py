"""The sentences of the summary that tables give."""

import pandas as pd

from weightscape.report import summary


def test_copies_are_told_as_far_as_there_are_some():
    splits = pd.DataFrame(
        {"dataset": "digits", "split": ["val", "test"], "images": 80, "equal": [0, 5], "near": [4, 1]}
    )
    found = summary.copied(splits.assign(other_class=0, unreadable=0))
    assert found[0].startswith("digits, val: of 80 images, 4 nearly equal a training image: ")
    assert found[1].startswith("digits, test: of 80 images, 5 equal and 1 nearly equal a training image: ")
    further = splits.assign(split=["train", "extra"], other_class=0, unreadable=[0, 2], near=0)
    assert summary.copied(further) == [
        "digits, extra: of 80 images, 5 equal a training image: they add nothing.",
        "digits, extra: 2 image files could not be read.",
    ]
