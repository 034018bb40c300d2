"""Recipes of synthetic images: what they replace, what they order, and which faults are said before the first job."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from weightscape.errors import UserError
from weightscape.project import ROOT
from weightscape.study import settings
from weightscape.study.config import checked
from weightscape.study.doses import dose_number

PLAIN = {"name": "plain", "guidance": 2.0, "images_per_class": 100}
BUSY = PLAIN | {"name": "busy", "guidance": 5.0, "prompts": ["many {class} in a heap"], "styles": ["noir", "pop"]}
FAINT = PLAIN | {"name": "faint", "strength": 0.3}


def study(kind: str, *recipes: dict[str, Any], axis: str = "share", **pipeline: Any) -> dict[str, Any]:
    """A study of synthetic images whose doses are the recipes."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["generate"] |= {"kind": kind, "recipes": list(recipes)}
    config["generate"]["pipeline"] |= pipeline
    doses = {recipe["name"]: {"share": 1.0, "recipe": recipe["name"]} for recipe in recipes}
    config["families"]["synthetic_replace"] = {"axis": axis, "doses": doses}
    config["study"]["families"] = ["synthetic_replace"]
    config["curvature"]["families"] = []
    return config


def job(config: dict[str, Any], recipe: str) -> dict[str, Any]:
    names = {"dataset": "digits", "generator": "ddpm", "recipe": recipe, "shard": "00000"}
    return settings.settings(config, "generate", names)


def test_a_prompt_set_is_a_dose_that_makes_no_other_stale() -> None:
    before = checked(study("text_to_image", PLAIN))
    after = checked(study("text_to_image", PLAIN, BUSY))
    assert job(after, "plain") == job(before, "plain")
    plain, busy = (job(after, recipe)["source"]["pipeline"] for recipe in ("plain", "busy"))
    assert {key for key in plain if plain[key] != busy[key]} == {"prompts", "styles"}
    assert busy["prompts"] == BUSY["prompts"] and job(after, "busy")["guidance"] == 5.0
    assert job(after, "plain")["seed"] == job(after, "busy")["seed"]  # the same noise: images are compared in pairs


def test_what_the_pipeline_says_counts_for_recipes_that_say_nothing() -> None:
    first, second = (
        checked(study("text_to_image", PLAIN, BUSY, prompts=[text])) for text in ("a {class}", "one {class}")
    )
    assert job(first, "plain") != job(second, "plain")
    assert job(first, "busy") == job(second, "busy")


@pytest.mark.parametrize(("axis", "numbers"), [("share", [1, 1]), ("guidance", [2, 5])])
def test_doses_are_ordered_by_a_number_of_their_own_or_of_their_recipe(axis: str, numbers: list[float]) -> None:
    config = checked(study("text_to_image", PLAIN, BUSY, axis=axis))
    assert [dose_number(config, "synthetic_replace", dose) for dose in ("plain", "busy")] == numbers
    assert dose_number(config, "synthetic_replace", "baseline") == 0


def test_strength_is_a_knob_of_variations() -> None:
    config = checked(study("image_to_image", PLAIN, FAINT, axis="strength", strength=0.8))
    assert [job(config, recipe)["source"]["pipeline"]["strength"] for recipe in ("plain", "faint")] == [0.8, 0.3]
    assert [dose_number(config, "synthetic_replace", dose) for dose in ("plain", "faint")] == [0.8, 0.3]


FAULTS = {
    "prompts without a pipeline": (("ddpm", BUSY), {}, "has prompts, which generate.kind = 'ddpm' does not use"),
    "strength without an image": (
        ("text_to_image", FAINT),
        {},
        "'faint' has strength, .*choose image_to_image",
    ),
    "no step is left": (("image_to_image", FAINT), {"steps": 3}, "strength 0.3, which leaves none of 3 steps"),
    "one name twice": (("ddpm", PLAIN, PLAIN), {}, "has the name 'plain' twice"),
    "a prompt without its class": (("text_to_image", BUSY | {"prompts": ["a photo"]}), {}, "prompts"),
    "a strength without an image": (("text_to_image", PLAIN), {"axis": "strength"}, "choose from share, guidance$"),
    "words for no class": (("text_to_image", PLAIN), {"class_words": {"11": "x"}}, "for '11', which is no class; did"),
    "an axis that is no number": (("ddpm", PLAIN), {"axis": "recipe"}, "choose from share, guidance$"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_recipe_that_cannot_be_followed_is_one_sentence(fault: str) -> None:
    (kind, *recipes), options, sentence = FAULTS[fault]
    with pytest.raises(UserError, match=sentence) as caught:
        checked(study(kind, *recipes, **options))
    assert "\n" not in str(caught.value)


def test_a_filter_without_a_classifier_is_refused() -> None:
    config = study("ddpm", PLAIN)
    config["generate"]["gate"]["filter"] = True
    with pytest.raises(UserError, match=r"gate.filter = true, but generate.gate.classifier = 'none' looks at no image"):
        checked(config)
    config["generate"]["gate"]["classifier"] = "judge"
    checked(config)


def test_sizes_that_the_diffusion_model_cannot_take_are_refused_where_it_is_trained() -> None:
    config = study("ddpm", PLAIN)
    config["generate"]["model"] |= {"patch": 3, "channels": [24, 48]}
    with pytest.raises(UserError, match=r"data.digits: images are 28 x 28 pixels, .* need multiples of 6: lower one"):
        checked(config)
    config["study"]["families"] = ["noise"]
    checked(config)


def test_the_gate_asks_for_classes_in_the_words_of_the_prompts() -> None:
    config = study("text_to_image", PLAIN, class_words={"1": "one"})
    assert job(checked(config), "plain")["gate"] is None
    config["generate"]["gate"]["classifier"] = "zero_shot"
    assert job(checked(config), "plain")["gate"]["class_words"] == {"1": "one"}


def test_more_shards_than_images_of_a_class_are_refused() -> None:
    config = study("ddpm", PLAIN)
    config["generate"]["shards"] = 100
    checked(config)
    config["generate"]["shards"] = 101
    with pytest.raises(UserError, match=r"'plain' has 100 images per class, .* generate.shards = 101: lower that to"):
        checked(config)


@settings_of(max_examples=40)
@given(st.integers(2, 60), st.floats(0.05, 1), st.floats(0.05, 1))
def test_strengths_that_come_to_the_same_steps_are_no_two_recipes(steps: int, first: float, second: float) -> None:
    """Against the slices of the steps that Stable Diffusion and FLUX of diffusers take."""
    rows = list(range(steps))

    def taken(strength: float) -> tuple[list[int], list[int]]:
        sd, flux = min(int(steps * strength), steps), min(steps * strength, steps)
        return rows[max(steps - sd, 0) :], rows[int(max(steps - flux, 0)) :]

    recipes = [PLAIN | {"name": name, "strength": value} for name, value in (("a", first), ("b", second))]
    same = any(one == other for one, other in zip(taken(first), taken(second), strict=True))
    config = study("image_to_image", *recipes, steps=steps)
    if min(int(steps * first), int(steps * second)) < 1:
        same = True  # refused as doing nothing, or as equal
    if same:
        with pytest.raises(UserError, match=r"generate.recipes: .*(same steps|leaves none of)"):
            checked(config)
    else:
        checked(config)


SHIFT = {"name": "affine", "degrees": 12, "translate": 0.09, "scale": 0.12, "shear": 8}
IDLE = {"name": "flip", "horizontal": 0.0, "vertical": 0.0}
CHOSEN = {"share": 0.5, "choose": "log_det", "by": "pixels", "gate": "none"}


def inside(*places: str) -> dict[str, Any]:
    """A dose of dropout at some places of both networks."""
    return {"rate": 0.1, "places": {"efficientnet-lite0": list(places), "resnet-small": ["block"]}}


EQUAL = {
    "one guidance twice": ("ddpm", {}, {"images_per_class": 5}),
    "a negative prompt without guidance": ("text_to_image", {"guidance": 1.0}, {"negative_prompt": "text"}),
    "guidance below 1": ("text_to_image", {"guidance": 0.0}, {"guidance": 1.0}),
    "capitals and blanks": ("text_to_image", {"prompts": ["a {class}"]}, {"prompts": ["A  {class} "]}),
    "one prompt twice": ("text_to_image", {"prompts": ["a {class}"]}, {"prompts": ["a {class}", "a {class}"]}),
}


@pytest.mark.parametrize("case", EQUAL)
def test_recipes_of_the_same_images_are_refused(case: str) -> None:
    kind, common, other = EQUAL[case]
    with pytest.raises(UserError, match=r"generate.recipes: 'a' and 'b' give the same images: remove one, or change"):
        checked(study(kind, PLAIN | common | {"name": "a"}, PLAIN | common | other | {"name": "b"}))


DIFFERENT = {
    "guidance": ("ddpm", {"guidance": 1.0}, {"guidance": 0.0}),
    "a negative prompt": ("text_to_image", {}, {"negative_prompt": "text"}),
    "a style": ("text_to_image", {}, {"styles": ["noir"]}),
    "strength": ("image_to_image", {"strength": 0.5}, {"strength": 0.6}),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_recipes_that_differ_are_taken(case: str) -> None:
    kind, first, other = DIFFERENT[case]
    checked(study(kind, PLAIN | first | {"name": "a"}, PLAIN | other | {"name": "b"}))


def test_guidance_without_hidden_labels_is_refused() -> None:
    config = study("ddpm", PLAIN)
    config["generate"]["training"]["label_drop"] = 0.0
    with pytest.raises(UserError, match=r"'plain' has guidance 2.0, but generate.training.label_drop = 0 hides no"):
        checked(config)


@pytest.mark.parametrize(
    ("family", "doses"),
    [
        ("steps", {"a": {"factor": 0.5}, "b": {"factor": 0.5001}}),
        ("synthetic_replace", {"a": {"share": 0.5, "recipe": "plain"}, "b": {"share": 0.5001, "recipe": "plain"}}),
        ("weight_decay", {"a": {"decay": 0.1, "coupled": True}, "b": {"decay": 0.1, "coupled": True}}),
        (
            "weight_decay",
            {"a": {"decay": 1, "coupled": True}, "b": {"decay": 1.0, "coupled": True, "decay_head": True}},
        ),
        ("dropout", {"a": {"head": 0.5}, "b": {"head": 0.5, "path": 0}}),
        ("dropout_inside", {"a": inside("block", "path"), "b": inside("path", "block")}),
        ("augment", {"a": {"strength": 1, "operations": [SHIFT]}, "b": {"strength": 2, "operations": [SHIFT, IDLE]}}),
        ("real_select", {"a": CHOSEN, "b": CHOSEN | {"pool": 1.0, "given": "real"}}),
        ("mixup", {"a": {"alpha": 1}, "b": {"alpha": 1.0}}),
    ],
)
def test_doses_that_do_the_same_are_refused(family: str, doses: dict[str, Any]) -> None:
    config = study("ddpm", PLAIN)
    config["study"]["families"] = [family]
    config["families"][family]["doses"] = doses
    with pytest.raises(UserError, match=rf"families.{family}.doses: 'a' and 'b' do the same to digits: remove one"):
        checked(config)


def test_a_number_of_steps_that_is_the_baselines_is_refused() -> None:
    config = study("ddpm", PLAIN)
    config["study"]["families"], config["families"]["steps"]["doses"] = ["steps"], {"a": {"factor": 1.001}}
    with pytest.raises(
        UserError, match=r"steps.doses.a.factor = 1.001 gives efficientnet-lite0 100 steps, which is the"
    ):
        checked(config)


@pytest.mark.parametrize(
    "texts", [{"prompts": ["{class}, a {kind}"]}, {"styles": ["as {class}"]}, {"negative_prompt": "{class}"}]
)
def test_braces_that_nothing_replaces_are_refused(texts: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"'plain' has braces in '.*': nothing but {class} in `prompts` is replaced"):
        checked(study("text_to_image", PLAIN | texts))


def test_a_prompt_without_the_class_is_told_in_words() -> None:
    with pytest.raises(UserError, match=r"prompts\[0\] = 'a photo' must hold {class}"):
        checked(study("text_to_image", PLAIN | {"prompts": ["a photo"]}))
