"""Example images of the table `samples`."""

from pathlib import Path

import numpy as np
import pandas as pd

from weightscape.formats.shards import ImageSet, write_shard
from weightscape.metrics.tables import images
from weightscape.metrics.tables.outline import Condition, Outline, Run, folder


def test_chosen_images_are_the_first_of_the_first_run_in_the_order_of_the_choice(tmp_path: Path) -> None:
    pictures = np.arange(6, dtype=np.uint8).repeat(4).reshape(6, 1, 2, 2)
    shard = "2_generate/set/ddpm/shard.safetensors"
    (tmp_path / shard).parent.mkdir(parents=True)
    write_shard(tmp_path / shard, ImageSet(pictures, np.array([0, 1, 0, 1, 0, 1])))
    conditions = tuple(Condition("synthetic_add", dose, 0.5) for dose in ("chosen", "drawn"))
    outline = Outline(("set",), ("net",), (4, 5), 0, conditions, (), {}, {}, (), (), {}, 15, {}, {}, "ddpm")
    for run in outline.runs():
        items = pd.DataFrame({"shard": shard, "index": [0, 5, 1, 3], "label": [0, 1, 1, 1], "order": [0, 2, 3, 1]})
        if run.seed == 5:
            items["order"] = [0, 1, 2, 3]
        path = _items(tmp_path, run)
        path.parent.mkdir(parents=True, exist_ok=True)
        (items if run.dose == "chosen" else items.drop(columns="order")).to_parquet(path)
    found = pd.DataFrame(images._chosen(tmp_path, outline, 2))
    assert found[["kind", "family", "dose"]].drop_duplicates().to_numpy().tolist() == [
        ["chosen", "synthetic_add", "chosen"]
    ]
    assert found["position"].tolist() == [1, 2] and found["label"].tolist() == [1, 1]
    assert [row[0] for row in found["pixels"]] == [3, 5]
    _items(tmp_path, next(outline.runs())).unlink()
    assert [row[0] for row in pd.DataFrame(images._chosen(tmp_path, outline, 1))["pixels"]] == [5]


def _items(results: Path, run: Run) -> Path:
    return folder(results, "diversity", **vars(run)).parent / f"seed{run.seed}" / "items.parquet"
