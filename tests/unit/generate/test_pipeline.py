"""Images from pipelines of diffusers: a tiny Stable Diffusion, saved to a folder and loaded as a user's is."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from unit.generate import chosen
from unit.generate.tiny_models import stable_diffusion
from weightscape.assemble import items
from weightscape.assemble.items import listed
from weightscape.data import fetch_model
from weightscape.data.decoding import Form
from weightscape.data.fetch_settings import ModelAsset
from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet, read_indices, read_shard, write_shard
from weightscape.formats.typed import to_json
from weightscape.generate import load_pipeline, pipeline, quality
from weightscape.generate.settings import GenerateSettings, PipelineSettings, ZeroShotGate
from weightscape.provenance.records import Origin, write_record
from weightscape.stages import generate

pytestmark = pytest.mark.filterwarnings("ignore")  # of diffusers and transformers, about their own versions
CPU = torch.device("cpu")
FORM = Form(16, 3, pixel_limit=10_000)
CLASSES = ["cat", "dog", "sea_lion"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return stable_diffusion(tmp_path_factory.mktemp("models") / "sd")


def settings(folder: Path, **more: Any) -> PipelineSettings:
    return chosen.pipeline(
        model=str(folder),
        size=16,
        prompts=("a photo of a {class}", "a drawing of a {class}"),
        styles=("", "at night"),
        class_words={"dog": "puppy"},
        negative_prompt="text",
        steps=3,
        dtype="float32",
        strength=0.7,
        batch_size=4,
        **more,
    )


def load(asked: PipelineSettings) -> Any:
    return pipeline.load(chosen.of_pipeline(asked), CPU)


def real() -> ImageSet:
    rng = np.random.default_rng(0)
    return ImageSet(rng.integers(0, 256, (12, 3, 16, 16), np.uint8), np.arange(12) % 3)


def made(folder: Path, members: list[tuple[int, int]], kind: str = pipeline.TEXT, **more: Any) -> np.ndarray:
    source = chosen.of_pipeline(replace(settings(folder), **more), kind)
    asked = pipeline.Asked(CLASSES, 3.0, 11, real() if kind == pipeline.VARIATION else None)
    batches = pipeline.sample(pipeline.load(source, CPU), source.pipeline, asked, members, FORM)
    return np.concatenate([content.images for content, _, _ in batches])


MEMBERS = [(label, index) for label in range(3) for index in range(3)]


@pytest.mark.parametrize("kind", [pipeline.TEXT, pipeline.VARIATION])
@pytest.mark.parametrize("scheduler", ["default", "EulerAncestralDiscreteScheduler"])
def test_an_image_depends_on_neither_its_batch_nor_its_shard(folder: Path, kind: str, scheduler: str) -> None:
    whole = made(folder, MEMBERS, kind, scheduler=scheduler)
    alone = np.concatenate([made(folder, [one], kind, scheduler=scheduler) for one in MEMBERS[::4]])
    other = made(folder, MEMBERS[::-1], kind, scheduler=scheduler, batch_size=2)[::-1]
    assert np.abs(whole[::4].astype(int) - alone).max() <= 1  # sums are rounded by the size of the batch
    assert np.abs(whole.astype(int) - other).max() <= 1
    assert len(np.unique(whole.reshape(9, -1), axis=0)) == 9


def test_the_pipeline_gives_what_diffusers_gives_for_the_same_prompt_and_noise(folder: Path) -> None:
    from diffusers import StableDiffusionPipeline

    reference: Any = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    reference.set_progress_bar_config(disable=True)
    asked = settings(folder)
    answer = reference(
        prompt=pipeline.prompt(asked, "dog", 11, 1, 2),
        negative_prompt="text",
        guidance_scale=3.0,
        num_inference_steps=3,
        generator=torch.Generator().manual_seed(pipeline.noise_seed(11, 1, 2)),
        height=16,
        width=16,
    )
    expected = np.asarray(answer.images[0]).transpose(2, 0, 1)
    assert np.abs(made(folder, [(1, 2)])[0].astype(int) - expected).max() <= 1


def test_prompts_name_the_class_in_words_and_vary() -> None:
    asked = settings(Path())
    texts = {pipeline.prompt(asked, "dog", 5, 1, index) for index in range(100)}
    assert texts == {f"a {kind} of a puppy{style}" for kind in ("photo", "drawing") for style in ("", ", at night")}
    assert "sea lion" in pipeline.prompt(asked, "sea_lion", 5, 2, 0)


@pytest.mark.parametrize(("words", "alike"), [({}, False), ({"dog": "Cat"}, True), ({"dog": "sea lion"}, True)])
def test_two_classes_with_the_same_words_are_refused(words: dict[str, str], alike: bool) -> None:
    asked = replace(settings(Path()), class_words=words)
    if alike:
        with pytest.raises(UserError, match=r"'dog'.* in prompts, so that their images would be the same"):
            pipeline.check_words(asked, CLASSES)
    else:
        pipeline.check_words(asked, CLASSES)


@pytest.mark.parametrize("shards", [1, 3, 7, 40])
def test_the_shards_hold_every_image_once(shards: int) -> None:
    parts = [pipeline.members(4, 7, shard, shards) for shard in range(shards)]
    assert [one for part in parts for one in part] == [(label, index) for label in range(4) for index in range(7)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_variation_starts_from_a_real_image_of_its_class_and_less_strength_stays_nearer(folder: Path) -> None:
    rows = {pipeline.source_row([3, 5, 8], 1, 0, index) for index in range(50)}
    assert rows == {3, 5, 8}
    asked = pipeline.Asked(CLASSES, 3.0, 11, real())
    for label, index in MEMBERS:
        row = pipeline.source_row(np.flatnonzero(asked.real.labels == label).tolist(), 11, label, index)
        assert np.array_equal(
            np.asarray(pipeline._sources(asked, [(label, index)], 16)[0]).transpose(2, 0, 1), real().images[row]
        )
    none_left = pipeline.Asked(CLASSES, 3.0, 11, real().take(slice(0, 1)))
    with pytest.raises(UserError, match="class 'dog' has no real training image"):
        pipeline._sources(none_left, [(1, 0)], 16)
    weak, strong = (made(folder, MEMBERS[:1], pipeline.VARIATION, strength=s, steps=10) for s in (0.1, 1.0))
    assert not np.array_equal(weak, strong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "/no/such/folder"}, "pipeline /no/such/folder cannot be loaded"),
        ({"safety_checker": True}, "has no safety checker: set pipeline.safety_checker to false"),
        ({"lora": "/no/such/lora"}, "LoRA weights in generate.pipeline.lora = '/no/such/lora' cannot be loaded"),
    ],
)
def test_a_pipeline_that_cannot_be_had_is_said(folder: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(replace(settings(folder), **change))


@pytest.mark.parametrize("listed_without", [False, True])
def test_a_pipeline_without_tokenizer_is_said(folder: Path, tmp_path: Path, listed_without: bool) -> None:
    import shutil

    copy = tmp_path / "mute"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "tokenizer")
    if listed_without:
        index = json.loads((copy / "model_index.json").read_text())
        (copy / "model_index.json").write_text(json.dumps(index | {"tokenizer": [None, None]}))
    with pytest.raises(UserError, match=r"cannot be loaded|has no tokenizer"):
        load(settings(copy))


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_network_that_lacks_a_tensor_is_refused(folder: Path, tmp_path: Path, part: str) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    copy = tmp_path / "lacking"
    shutil.copytree(folder, copy)
    weights = next((copy / part).glob("*.safetensors"))
    tensors = load_file(weights)
    tensors.pop(name := min(tensors))
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(
        UserError, match=rf"lacks 1 tensors of its networks, as \w+\.{name}, which would be random: save"
    ):
        load(settings(copy))


def test_steps_that_a_scheduler_refuses_are_said(folder: Path) -> None:
    with pytest.raises(UserError, match=r"no images with 2000 steps of its scheduler DDIMScheduler .*change generate"):
        made(folder, MEMBERS[:1], scheduler="DDIMScheduler", steps=2000)


def test_a_scheduler_that_needs_more_steps_says_so(folder: Path) -> None:
    with pytest.raises(UserError, match=r"no images with 3 steps of its scheduler PNDMScheduler .*change generate"):
        made(folder, MEMBERS[:1], scheduler="PNDMScheduler", steps=3)
    assert made(folder, MEMBERS[:1], scheduler="PNDMScheduler", steps=8).shape == (1, *FORM.shape)


@pytest.mark.process
def test_a_shard_without_images_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"shard 0 of recipe photo has no images to make: lower generate\.shards = 50"):
        shard_of(tmp_path, folder, data_set(tmp_path), 0, 50)


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    from diffusers import UNet2DConditionModel

    copy = tmp_path / "pickled"
    shutil.copytree(folder, copy)
    (copy / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(
        UNet2DConditionModel.from_pretrained(folder, subfolder="unet").state_dict(),
        copy / "unet" / "diffusion_pytorch_model.bin",
    )
    with pytest.raises(UserError, match="cannot be loaded"):
        load(settings(copy))
    for path in copy.rglob("*.safetensors"):
        path.unlink()
    with pytest.raises(UserError, match="holds no safetensors files"):
        fetch_model.fetch(ModelAsset("model", str(copy), None))


def test_a_model_of_ones_own_is_recorded_by_its_files(folder: Path) -> None:
    files = fetch_model.fetch(ModelAsset("model", str(folder), None))["files"]
    assert "unet/diffusion_pytorch_model.safetensors" in files and "model_index.json" in files


def test_lora_weights_change_the_images(folder: Path, tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    unet.add_adapter(LoraConfig(r=2, init_lora_weights="gaussian", target_modules=["to_q", "to_k", "to_v"]))
    for name, parameter in unet.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=get_peft_model_state_dict(unet))
    plain, tuned = made(folder, MEMBERS[:2]), made(folder, MEMBERS[:2], lora=str(tmp_path))
    assert np.abs(plain.astype(int) - tuned).max() > 1
    assert len(load_pipeline.lora_digests(str(tmp_path))) == 1


class Flagging:
    """A pipeline whose checker refuses every second image."""

    def __call__(self, prompt: list[str], **options: Any) -> Any:
        from PIL import Image

        images = [Image.new("RGB", (16, 16), (2 - k,) * 3) for k in range(len(prompt))]
        return SimpleNamespace(images=images, nsfw_content_detected=[k % 2 == 1 for k in range(len(prompt))])


def test_refused_and_black_images_are_left_out_and_counted() -> None:
    asked = pipeline.Asked(CLASSES, 3.0, 11)
    parts = list(pipeline.sample(Flagging(), settings(Path()), asked, MEMBERS, FORM))
    assert sum(refused for _, _, refused in parts) == 6
    assert np.concatenate([indices for _, indices, _ in parts]).tolist() == [0, 1, 2]
    assert np.concatenate([part.labels for part, _, _ in parts]).tolist() == [0, 1, 2]


def data_set(root: Path) -> Path:
    """A real training set with its record."""
    shard = root / "1_data/pets/train/shard-00000.safetensors"
    write_shard(shard, real())
    facts = {"classes": CLASSES, "shape": [3, 16, 16]}
    write_record(shard.parent, Origin("data", {}, ""), [shard], facts)
    return shard


def shard_of(root: Path, folder: Path, train: Path, number: int, shards: int, gate: ZeroShotGate | None = None) -> Path:
    """One shard by the stage's program."""
    path = root / f"2_generate/pets/sd/recipe-photo/shard-{number:05d}.safetensors"
    source = replace(chosen.of_pipeline(settings(folder)), shard=number, shards=shards)
    asked = GenerateSettings("sd", "photo", 3.0, source, gate, seed=11)
    text = json.dumps(to_json(asked))
    generate.main(["--settings", text, "--train", str(train), "--device", "cpu", "--out", str(path)])
    return path


@pytest.mark.process
def test_the_program_writes_shards_that_assemble_reads(folder: Path, tmp_path: Path) -> None:
    train = data_set(tmp_path)
    paths = [shard_of(tmp_path, folder, train, number, 2) for number in range(2)]
    table = items.synthetic_items(paths)
    assert table is not None
    assert list(zip(table["label"], table["number"], strict=True)) == MEMBERS
    assert set(table["origin"]) == {"sd"} and set(table["recipe"]) == {"photo"}
    whole = shard_of(tmp_path / "whole", folder, train, 0, 1)
    joined = np.concatenate([read_shard(path).images for path in paths])
    assert np.abs(joined.astype(int) - read_shard(whole).images).max() <= 1
    assert listed("x", read_shard(whole).labels, "sd", "photo").shape[0] == 9


@pytest.mark.process
def test_the_list_of_a_generators_images_does_not_depend_on_its_shards(tmp_path: Path) -> None:
    """Shards of the model that is trained here hold some indices of every class."""
    labels, numbers = np.repeat(np.arange(3), 8), np.tile(np.arange(8), 3)
    images = (10 * labels + numbers).astype(np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    found = []
    for shards in (1, 4):
        paths = []
        for shard, stretch in enumerate(np.array_split(np.arange(8), shards)):
            rows = np.isin(numbers, stretch)
            path = tmp_path / f"{shards}/2_generate/a/ddpm/recipe-x/shard-{shard:05d}.safetensors"
            write_shard(path, ImageSet(images[rows], labels[rows]))
            facts = {"generator": "ddpm", "recipe": "x", "first": int(stretch[0])}
            write_record(path.parent, Origin("generate", {}, ""), [path], facts, name=path.stem)
            paths.append(path)
        table = items.synthetic_items(paths)
        assert table is not None
        root = tmp_path / str(shards)
        pixels = [read_shard(root / row["shard"]).images[row["index"], 0, 0, 0] for row in table.to_dict("records")]
        found.append((table[["label", "number"]].to_numpy().tolist(), pixels))
    assert found[0] == found[1] and found[0][1] == [10 * label + number for label, number in found[0][0]]


@pytest.mark.process
def test_a_recipe_of_which_nothing_passed_is_said(tmp_path: Path) -> None:
    path = tmp_path / "2_generate/a/sd/recipe-x/shard-00000.safetensors"
    write_shard(path, ImageSet(np.empty((0, 3, 4, 4), np.uint8), np.empty(0, np.int64)))
    facts = {"generator": "sd", "recipe": "x", "guidance": 3.0, "first": 0}
    write_record(path.parent, Origin("generate", {}, ""), [path], facts, name=path.stem)
    with pytest.raises(UserError, match=r"recipe x has no images, as the gate or the safety checker let none pass"):
        quality.by_recipe([path])


@pytest.mark.process
def test_a_filtered_shard_keeps_the_indices_of_what_passed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weightscape.generate import gate

    train = data_set(tmp_path)
    block = chosen.zero_shot(duplicate_distance=-1.0, filter=True)
    known = gate.Classifier(
        lambda images: np.arange(len(images)) % 3, lambda images: images.reshape(len(images), -1).astype(np.float32)
    )
    monkeypatch.setattr(gate, "zero_shot", lambda *_: known)
    path = shard_of(tmp_path, folder, train, 0, 1, gate=block)
    assert read_indices(path, 0).tolist() == [0, 1, 2] and read_shard(path).labels.tolist() == [0, 1, 2]
    facts = json.loads(path.with_suffix(".json").read_text())["facts"]
    assert facts["images"] == 3
    assert facts["gate"] == {
        "classifier": "zero_shot",
        "filtered": True,
        "images": 9,
        "recognised": 3,
        "near_training": 0,
        "near_each_other": 0,
        "passed": 3,
        "passed_by_class": {"0": 1, "1": 1, "2": 1},
        "duplicate_distance": -1.0,
    }
