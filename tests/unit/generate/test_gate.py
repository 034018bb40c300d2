"""The gate against literal formulas, planted copies, and transformers' own answer."""

from pathlib import Path

import numpy as np
import pytest
import torch

from unit.generate.chosen import zero_shot
from unit.generate.tiny_models import clip
from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet
from weightscape.generate import gate


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64) - 127.5


def test_planted_copies_are_found_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BLOCK", 7)
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (40, 3, 8, 8)).astype(np.uint8)
    made = rng.integers(0, 256, (20, 3, 8, 8)).astype(np.uint8)
    made[3], made[11], made[15] = real[17], made[2], made[2]
    made[18] = (real[5].astype(int) + rng.integers(-3, 4, (3, 8, 8))).clip(0, 255)
    labels = np.arange(20) % 2
    known = gate.Classifier(lambda images: np.where(np.arange(20) == 7, 0, labels), flat)
    passed, counts = gate.checked(ImageSet(made, labels), real, known, 0.02)
    assert np.flatnonzero(~passed).tolist() == [3, 7, 11, 15, 18]
    assert counts["near_training"] == 2 and counts["near_each_other"] == 2 and counts["recognised"] == 19
    assert counts["passed"] == 15 and counts["images"] == 20
    assert counts["passed_by_class"] == {"0": 9, "1": 6}


def test_distances_are_those_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BLOCK", 4)
    rng = np.random.default_rng(1)
    left, right = rng.standard_normal((9, 5)), rng.standard_normal((6, 5))

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return 1 - a @ b / np.sqrt((a @ a) * (b @ b))

    np.testing.assert_allclose(gate.nearest(left, right), [min(distance(a, b) for b in right) for a in left])
    earlier = [2.0, *(min(distance(left[k], left[j]) for j in range(k)) for k in range(1, 9))]
    np.testing.assert_allclose(gate._earlier(left), earlier)


@pytest.mark.filterwarnings("ignore")
def test_zero_shot_is_clips_own_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

    folder = clip(tmp_path / "clip")
    names = ["n021", "sea_lion", "red-dog"]
    words = {"n021": "cat"}
    settings = zero_shot(model=str(folder), class_words=words)
    asked: list[str] = []
    told = AutoTokenizer.from_pretrained(folder)
    monkeypatch.setattr(
        AutoTokenizer,
        "from_pretrained",
        lambda *_, **__: lambda texts, **more: asked.extend(texts) or told(texts, **more),
    )
    found = gate.zero_shot(settings, names, torch.device("cpu"))
    monkeypatch.undo()
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32)).astype(np.uint8)
    model, tokenizer = CLIPModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    texts = ["a photo of a cat", "a photo of a sea lion", "a photo of a red dog"]
    assert asked == texts
    pixels = CLIPImageProcessor.from_pretrained(folder)(list(images.transpose(0, 2, 3, 1)), return_tensors="pt")
    with torch.inference_mode():
        answer = model(**tokenizer(texts, padding=True, return_tensors="pt"), **pixels)
    assert found.labels(images).tolist() == answer.logits_per_image.argmax(1).tolist()
    np.testing.assert_allclose(found.features(images), answer.image_embeds, atol=1e-5)
    assert found.features(images[:, :1]).shape == (6, 16)


def test_a_model_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match="gate model /no/clip cannot be loaded"):
        gate.zero_shot(zero_shot(), ["a"], torch.device("cpu"))


def test_a_broken_model_is_said(tmp_path: Path) -> None:
    folder = clip(tmp_path / "clip")
    weights = next(folder.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    settings = zero_shot(model=str(folder))
    with pytest.raises(UserError, match="cannot be loaded"):
        gate.zero_shot(settings, ["a"], torch.device("cpu"))


def test_a_model_that_lacks_a_tensor_is_no_classifier_by_chance(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = clip(tmp_path / "clip")
    weights = next(folder.glob("*.safetensors"))
    tensors = {name: tensor for name, tensor in load_file(weights).items() if name != "visual_projection.weight"}
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 1 tensors of CLIP, as visual_projection.weight, which would be random"):
        gate.zero_shot(zero_shot(model=str(folder)), ["cat"], torch.device("cpu"))


def test_a_model_whose_tokenizer_is_of_another_is_said(tmp_path: Path) -> None:
    import json

    folder = clip(tmp_path / "clip")
    shape = json.loads((folder / "config.json").read_text())
    shape["text_config"]["vocab_size"] = 3
    (folder / "config.json").write_text(json.dumps(shape))
    from safetensors.torch import load_file, save_file

    weights = next(folder.glob("*.safetensors"))
    tensors = load_file(weights)
    name = "text_model.embeddings.token_embedding.weight"
    save_file(tensors | {name: tensors[name][:3].clone()}, weights, {"format": "pt"})
    settings = zero_shot(model=str(folder))
    with pytest.raises(UserError, match=r"cannot be loaded .*: name a CLIP folder or hub id"):
        gate.zero_shot(settings, ["cat"], torch.device("cpu"))


def test_no_images_pass_without_a_look_at_them() -> None:
    empty = ImageSet(np.empty((0, 1, 4, 4), np.uint8), np.empty(0, np.int64))
    passed, counts = gate.checked(empty, np.zeros((3, 1, 4, 4), np.uint8), gate.Classifier(np.ravel, np.ravel), 0.1)
    assert len(passed) == counts["images"] == counts["passed"] == 0


@pytest.mark.filterwarnings("ignore")
def test_clip_looks_at_each_image_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import CLIPModel

    looked: list[int] = []
    given = CLIPModel.get_image_features
    monkeypatch.setattr(
        CLIPModel,
        "get_image_features",
        lambda self, pixel_values: looked.append(len(pixel_values)) or given(self, pixel_values=pixel_values),
    )
    known = gate.zero_shot(zero_shot(model=str(clip(tmp_path / "clip"))), ["cat", "dog"], torch.device("cpu"))
    rng = np.random.default_rng(0)
    real, made = (rng.integers(0, 256, (count, 3, 32, 32), np.uint8) for count in (7, 5))
    gate.checked(ImageSet(made, np.arange(5) % 2), real, known, 0.05)
    assert sorted(looked) == [5, 7]
