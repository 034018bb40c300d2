"""`weightscape diversity` on files, and the one sentence for each fault of a file."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch

import weightscape as ws
from weightscape.cli import main
from weightscape.formats.json_yaml import read_json
from weightscape.formats.tensors import write_tensors
from weightscape.project import ROOT

WORKFLOW = ROOT / "workflow"


@pytest.fixture
def write(tmp_path):
    def write(name, **tensors):
        path = tmp_path / f"{name}.safetensors"
        write_tensors(path, tensors)
        return str(path)

    return write


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (40, 1, 6, 6), dtype=np.uint8)


def run(capsys, *arguments):
    code = main(["diversity", *map(str, arguments)])
    return code, capsys.readouterr()


def test_images_against_real_ones_give_the_record(write, images, tmp_path, capsys):
    made = write("made", images=images, labels=np.arange(40) % 3)
    real = write("real", images=images[::-1])
    out = tmp_path / "diversity.json"
    code, said = run(capsys, made, "--against", real, "--baseline", real, "--rows", 10, "--out", out)
    record = read_json(out)
    assert code == 0
    assert said.out.startswith("Vendi score of 10 rows: ")
    assert record["space"] == "pixels"
    assert record["vendi"]["noise"]["rows"] == 10
    assert record["reference"]["coverage"] == 1
    assert record["weighted"]["pairs"] == 40
    assert record["settings"]["orders"] == ["0.5", "1", "2", "inf"]
    assert record["inputs"]["against"]["path"] == real


def test_the_library_gives_the_same_record(write, images, tmp_path, capsys):
    made, real = write("made", images=images), write("real", images=images[::-1])
    assert run(capsys, made, "--against", real, "--rows", 10, "--seed", 3, "--out", tmp_path / "o.json")[0] == 0
    record = ws.diversity(images, images[::-1], rows=10, seed=3)
    assert record.items() <= read_json(tmp_path / "o.json").items()


def test_pixels_are_read_in_the_unit_interval(write, tmp_path, capsys):
    white = write("white", images=np.full((4, 1, 2, 2), 255, dtype=np.uint8))
    black = write("black", images=np.zeros((4, 1, 2, 2), dtype=np.uint8))
    assert run(capsys, white, "--against", black, "--out", tmp_path / "o.json")[0] == 0
    transport = read_json(tmp_path / "o.json")["reference"]["transport"]
    assert transport["value"] == pytest.approx(2)  # the root of four pixels


def test_the_same_files_and_seed_give_the_same_bytes(write, images, tmp_path, capsys):
    made = write("made", images=images)
    outs = [tmp_path / name for name in ("a.json", "b.json", "c.json")]
    for out, seed in zip(outs, (1, 1, 2), strict=True):
        assert run(capsys, made, "--seed", seed, "--out", out)[0] == 0
    assert outs[0].read_bytes() == outs[1].read_bytes() != outs[2].read_bytes()


@pytest.mark.parametrize("side", [32, 40, 64])
def test_noise_is_made_as_large_as_the_images_and_treated_as_they_are(write, rng, tmp_path, capsys, side):
    made = write("made", images=rng.integers(0, 256, (60, 1, side, side), dtype=np.uint8))
    assert run(capsys, made, "--rows", 30, "--out", tmp_path / "o.json")[0] == 0
    scores = read_json(tmp_path / "o.json")["vendi"]
    assert scores["noise"]["mean"]["1"] == pytest.approx(scores["common"]["mean"]["1"], rel=0.05)


@pytest.mark.process
def test_the_hub_is_asked_for_nothing(tmp_path):
    lines = (
        "from weightscape.diversity.own_images import embedder",
        "from weightscape.errors import UserError",
        "try:",
        "    embedder('resnet18', 'hub')",
        "except UserError as error:",
        "    print(error)",
        "from huggingface_hub import constants",
        "print(constants.HF_HUB_OFFLINE, constants.HF_HOME)",
    )
    variables = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    variables |= {"PYTHONPATH": str(WORKFLOW), "WEIGHTSCAPE_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], env=variables, capture_output=True, text=True)
    said = done.stdout.splitlines()
    assert done.returncode == 0 and said[1] == f"True {tmp_path / 'huggingface'}", done.stderr
    assert "resnet18" in said[0] and not done.stderr


def test_embeddings_have_no_noise_of_pixels(write, rng, tmp_path, capsys):
    made = write("made", embeddings=rng.standard_normal((30, 8)).astype(np.float16))
    assert run(capsys, made, "--out", tmp_path / "o.json")[0] == 0
    record = json.loads((tmp_path / "o.json").read_text())
    assert (record["space"], record["vendi"]["noise"]) == ("embeddings", None)


def test_embeddings_are_read_as_they_are(write, tmp_path, capsys):
    ones, zeros = (
        write("ones", embeddings=np.ones((5, 9), np.float16)),
        write("zeros", embeddings=np.zeros((5, 9))),
    )
    assert run(capsys, ones, "--against", zeros, "--out", tmp_path / "o.json")[0] == 0
    assert read_json(tmp_path / "o.json")["reference"]["transport"]["value"] == pytest.approx(3)


def test_appended_rows_are_named(write, images, tmp_path, capsys):
    made, plain = write("made", images=images), write("plain", images=images[:30])
    arguments = [made, "--baseline", plain, "--appended-from", 30, "--out", tmp_path / "o.json"]
    assert run(capsys, *arguments)[0] == 0
    assert read_json(tmp_path / "o.json")["weighted"]["rows_of_rho"] == "appended"


FAULTS = {
    "floats of another range": ({"images": np.full((4, 1, 2, 2), 2, np.float32)}, [], "floats must lie in [0, 1]"),
    "one image": ({"images": np.ones((1, 1, 2, 2), np.uint8)}, [], "holds 1 images: at least 4 are needed"),
    "no axis of height": ({"images": np.ones((4, 2), np.uint8)}, [], "[n, channels, height, width]"),
    "neither": ({"pictures": np.ones((4, 2), np.uint8)}, [], "holds pictures: it must hold either"),
    "both": (
        {"images": np.ones((4, 1, 2, 2), np.uint8), "embeddings": np.ones((4, 2))},
        [],
        "either `images` or `embeddings`",
    ),
    "embeddings of three axes": (
        {"embeddings": np.ones((4, 2, 2))},
        [],
        "they must be numbers [n, dimensions]",
    ),
    "NaN": ({"embeddings": np.array([[1.0], [np.nan]])}, [], "with NaN or infinity"),
    "labels too few": (
        {"embeddings": np.ones((4, 2)), "labels": np.ones(3, np.int64)},
        [],
        "whole numbers [4], one per row",
    ),
    "labels not whole": ({"embeddings": np.ones((4, 2)), "labels": np.ones(4)}, [], "whole numbers [4]"),
    "no baseline": ({"embeddings": np.ones((4, 2))}, ["--appended-from", "2"], "give it by --baseline"),
    "three images": ({"images": np.ones((3, 1, 2, 2), np.uint8)}, [], "holds 3 images: at least 4 are needed"),
    "one row": ({"embeddings": np.ones((4, 2))}, ["--rows", "1"], "--rows = 1: give a whole number from 2"),
    "no rows": ({"embeddings": np.ones((4, 2))}, ["--rows", "0"], "--rows = 0: give a whole number from 2"),
    "other size": ({"embeddings": np.ones((4, 3))}, ["--against", "OTHER"], "bring both to one form and size"),
    "too late a row": (
        {"embeddings": np.ones((4, 2))},
        ["--baseline", "OTHER", "--appended-from", "5"],
        "must lie in [0, 3]",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_file_gets_one_sentence(write, tmp_path, capsys, fault):
    tensors, options, sentence = FAULTS[fault]
    other = write("other", embeddings=np.ones((4, 2)))
    options = [other if option == "OTHER" else option for option in options]
    code, said = run(capsys, write("made", **tensors), *options, "--out", tmp_path / "o.json")
    assert code == 1
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "o.json").exists()


def test_a_missing_file_is_named(tmp_path, capsys):
    code, said = run(capsys, tmp_path / "none.safetensors", "--out", tmp_path / "o.json")
    assert code == 1
    assert "none.safetensors does not exist" in said.err


@pytest.fixture
def network(tmp_path):
    """timm's small network with random weights, and their file."""
    torch.manual_seed(0)
    net = timm.create_model("test_resnet")
    write_tensors(tmp_path / "net.safetensors", {name: value.numpy() for name, value in net.state_dict().items()})
    return net.eval(), tmp_path / "net.safetensors"


def test_images_are_measured_in_the_embedding_of_a_network(write, images, network, tmp_path, capsys):
    net, file = network
    made = write("made", images=images, labels=np.arange(40) % 3)
    options = ("--against", made, "--baseline", made, "--rows", 10, "--out")
    code, _ = run(capsys, made, "--backbone", "test_resnet", "--weights", file, *options, tmp_path / "a.json")
    assert code == 0
    size, mean, std = (net.default_cfg[name] for name in ("input_size", "mean", "std"))
    x = torch.from_numpy(images).float() / 255
    x = torch.nn.functional.interpolate(x, size[1:], mode="bilinear").expand(-1, 3, -1, -1)
    with torch.inference_mode():
        x = (x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
        rows = net.forward_head(net.forward_features(x), pre_logits=True)
    by_hand = write("embedded", embeddings=rows.numpy(), labels=np.arange(40) % 3)
    options = ("--against", by_hand, "--baseline", by_hand, "--rows", 10, "--out")
    assert run(capsys, by_hand, *options, tmp_path / "b.json")[0] == 0
    ours, theirs = read_json(tmp_path / "a.json"), read_json(tmp_path / "b.json")
    assert ours["space"] == "embeddings" and ours["backbone"]["model"] == "test_resnet"
    assert ours["vendi"]["whole"]["1"] == pytest.approx(theirs["vendi"]["whole"]["1"], rel=1e-4)
    assert ours["geometry"]["pldiv"]["mean"] == pytest.approx(theirs["geometry"]["pldiv"]["mean"], rel=1e-3)
    assert ours["vendi"]["noise"]["rows"] == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--backbone", "resnet9000", "--weights", "FILE"), "backbone model 'resnet9000' is unknown to timm"),
        (("--backbone", "test_vit", "--weights", "FILE"), "weights for test_vit from .* cannot be loaded .*: use the"),
        (("--backbone", "test_resnet", "--weights", "no.pth"), "backbone weights no.pth do not exist: correct"),
        (
            ("--backbone", "test_resnet", "--weights", "imagenet"),
            "'imagenet' are unknown; allowed: wheel, hub",
        ),
        (("--weights", "FILE"), "--weights .* are a network's: name it by --backbone"),
    ],
)
def test_an_unknown_network_or_bad_weights_are_one_sentence(options, message, write, images, network, tmp_path, capsys):
    options = [str(network[1]) if option == "FILE" else option for option in options]
    code, said = run(capsys, write("made", images=images), *options, "--out", tmp_path / "o.json")
    assert code == 1 and re.search(message, said.err) and said.err.count("\n") == 1, said.err


@pytest.mark.parametrize("command", ["diversity", "choose"])
def test_a_network_that_gives_no_numbers_is_refused(command, write, images, network, tmp_path, capsys):
    weights = {name: value.numpy() for name, value in network[0].state_dict().items()}
    weights = {name: value * np.float32(1e37) if value.ndim == 4 else value for name, value in weights.items()}
    write_tensors(tmp_path / "huge.safetensors", weights)
    option, more = ("--by", ("--budget", "2")) if command == "choose" else ("--backbone", ())
    words = [command, write("made", images=images), option, "test_resnet", "--weights", tmp_path / "huge.safetensors"]
    assert main([*map(str, words), *more, "--out", str(tmp_path / "out")]) == 1
    assert "gives embeddings with NaN or infinity for 40 of 40 images" in capsys.readouterr().err


def test_embeddings_have_no_need_of_a_network(write, rng, network, tmp_path, capsys):
    made = write("made", embeddings=rng.normal(size=(20, 5)))
    options = ("--backbone", "test_resnet", "--weights", network[1], "--out", tmp_path / "o.json")
    code, said = run(capsys, made, *options)
    assert code == 1 and "holds embeddings already: leave out --backbone" in said.err


def test_images_of_two_channels_are_refused_by_a_network(write, network, tmp_path, capsys):
    made = write("made", images=np.zeros((4, 2, 8, 8), np.uint8))
    options = ("--backbone", "test_resnet", "--weights", network[1], "--out", tmp_path / "o.json")
    code, said = run(capsys, made, *options)
    assert code == 1 and "of 2 channels: they must be uint8 [n, channels, height, width] of 1 or 3 channels" in said.err


@pytest.mark.process
def test_pixels_import_no_torch(write, images, tmp_path):
    made = write("made", images=images)
    program = (
        "import sys; from weightscape.cli import main; code = main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program, "diversity", made, "--out", str(tmp_path / "o.json")]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": str(WORKFLOW)}, capture_output=True).returncode == 0


@pytest.mark.parametrize("option", [None, "--against", "--baseline"])
def test_a_file_that_is_not_there_is_said_though_the_record_is(write, images, tmp_path, capsys, option):
    made, missing = write("made", images=images), tmp_path / "missing.npz"
    out = tmp_path / "diversity.json"
    out.touch()
    given = [missing] if option is None else [made, option, missing]
    code, said = run(capsys, *given, "--out", out)
    assert code == 1 and "missing.npz does not exist: name a safetensors" in said.err
