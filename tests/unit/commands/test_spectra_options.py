"""Each option of `weightscape spectra`, on whole files, from the outside."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from unit.spectra.measuring import chosen
from weightscape.cli import main
from weightscape.library import networks
from weightscape.library.arguments import EXTRAS

COLUMN_OF = {
    "null": "rand_distance",
    "interval": "tail_alpha_low",
    "goodness": "tail_p",
    "alternatives": "lognormal_ratio",
    "farms": "farms_alpha",
}
RNG = np.random.default_rng(0)
STATE = {
    "embed.weight": RNG.standard_t(3, (90, 70)).astype(np.float32),
    "conv.weight": RNG.standard_normal((12, 8, 3, 3)).astype(np.float32),
    "attn.in_proj_weight": RNG.standard_normal((48, 16)).astype(np.float32),
    "head.weight": RNG.standard_normal((10, 16)).astype(np.float32),
    "head.bias": np.zeros(10, np.float32),
}


@pytest.fixture
def run(tmp_path, capsys):
    """Write a state dict, run the command with more words, return the table, what was said and the exit code."""

    def command(*words, state=None, out="layers.parquet", ending="safetensors"):
        import torch

        path = tmp_path / f"after.{ending}"
        content = STATE if state is None else state
        if ending == "safetensors":
            save_file(content, path)
        else:
            torch.save({name: torch.from_numpy(np.asarray(array)) for name, array in content.items()}, path)
        code = main(["spectra", str(path), "--out", str(tmp_path / out), *words])
        said = capsys.readouterr()
        read = pd.read_csv if out.endswith("csv") else pd.read_parquet
        return (read(tmp_path / out) if code == 0 else None), said.out + said.err, code

    return command


def test_csv_and_parquet_hold_the_same_numbers(run):
    one, other = run()[0], run(out="layers.csv")[0]
    pd.testing.assert_frame_equal(one, other, check_dtype=False, check_exact=True)


def test_a_torch_file_gives_the_table_of_its_safetensors_in_the_order_of_the_state_dict(run):
    table, torch_table = run()[0], run(ending="pt")[0]
    assert list(dict.fromkeys(torch_table["layer"])) == ["embed", "conv", "attn.in_proj_weight", "head"]
    names = ["layer", "part"]
    pd.testing.assert_frame_equal(
        table.sort_values(names, ignore_index=True), torch_table.sort_values(names, ignore_index=True)
    )


def test_workers_change_no_number(run):
    pd.testing.assert_frame_equal(run()[0], run("--workers", "3")[0], check_exact=True)


def test_eigenvalues_are_kept_of_every_measured_part(run, tmp_path):
    table = run("--esd", str(tmp_path / "esd.safetensors"))[0]
    kept = load_file(tmp_path / "esd.safetensors")
    assert set(kept) == {f"after/{row.layer}/{row.part}" for row in table.itertuples()}
    sums = dict(zip(table["layer"] + "/" + table["part"], table["norm"] / table["ww_scale"], strict=True))
    for name, values in kept.items():
        assert values.sum() == pytest.approx(sums[name.removeprefix("after/")])


@pytest.mark.parametrize("switch", EXTRAS)
def test_a_switch_adds_its_columns_and_changes_no_other(run, switch):
    plain, more = run()[0], run(f"--{switch}")[0]
    assert plain[COLUMN_OF[switch]].isna().all()
    assert more.loc[more["layer"] == "embed", COLUMN_OF[switch]].notna().all()
    for name in plain.columns[plain.notna().any()]:
        pd.testing.assert_series_equal(plain[name], more[name])


def test_the_seed_moves_what_is_drawn_and_nothing_else(run):
    one, other = run("--null")[0], run("--null", "--seed", "1")[0]
    changed = {name for name in one if not one[name].equals(other[name])}
    assert changed == {"rand_distance", "max_rand_eval", "ww_softrank"}


def test_a_device_of_torch_gives_the_same_numbers(run):
    pd.testing.assert_frame_equal(run()[0], run("--device", "cpu")[0], rtol=1e-8, atol=1e-12)


def test_several_heads_may_be_named(run):
    table = run("--head", "head", "--head", "embed.weight")[0]
    assert set(table.loc[table["role"] == "head", "layer"]) == {"head", "embed"}


def test_a_file_with_code_in_it_is_refused_and_the_code_does_not_run(tmp_path, capsys):
    import torch

    mark = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return exec, (f"open({str(mark)!r}, 'w').close()",)

    path = tmp_path / "trap.pt"
    torch.save({"w.weight": torch.ones(3, 3), "x": Trap()}, path)
    assert main(["spectra", str(path), "--out", str(tmp_path / "t.csv")]) == 1
    error = capsys.readouterr().err
    assert "trap.pt is not a whole file of weights alone" in error and "Traceback" not in error
    assert not mark.exists() and not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_tied_weights_have_one_row(run, ending):
    tied = {"wte.weight": STATE["embed.weight"], "lm_head.weight": STATE["embed.weight"].copy()}
    assert len(run(state=tied, ending=ending)[0]) == 1


@pytest.mark.parametrize(
    ("tensor", "status"),
    [
        (np.full((9, 8), np.nan), "NaN in odd.weight (after)"),
        (np.zeros((9, 8)), "all zeros"),
        (np.full((9, 8), np.inf, np.float16), "infinite values in odd.weight (after)"),
        (
            np.ones((9, 8), np.int32),
            "not floating-point: quantised weights, sparse tensors and whole numbers are not measured",
        ),
        (np.ones((1, 8)), "one row: no spectrum"),
        (np.ones((9, 1, 3, 3)), "depthwise: slices of one row have no spectrum"),
    ],
)
@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_an_odd_tensor_has_its_status_and_leaves_the_others_alone(run, tensor, status, ending):
    state = {"head.weight": STATE["head.weight"], "odd.weight": tensor}
    table, said, code = run(state=state, ending=ending)
    assert code == 0 and "2 matrices, 1 measured" in said
    assert list(table.set_index("layer").loc[["head", "odd"], "status"]) == ["ok", status]


def test_a_matrix_over_the_memory_limit_has_its_need_as_status(run, monkeypatch):
    settings = chosen(memory_limit=20_000)
    monkeypatch.setattr(networks, "settings_of", lambda *_: settings)
    table = run()[0].set_index("layer")
    assert table.loc["embed", "status"].startswith("needs 0.0 GiB, memory_limit is")
    assert table.loc["head", "status"] == "ok"


@pytest.mark.process
def test_safetensors_need_no_torch(tmp_path):
    save_file(STATE, tmp_path / "a.safetensors")
    code = (
        "import sys; from weightscape.cli import main;"
        f"assert main(['spectra', {str(tmp_path / 'a.safetensors')!r}, '--out', {str(tmp_path / 't.csv')!r}]) == 0;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
