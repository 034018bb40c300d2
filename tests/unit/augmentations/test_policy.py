import numpy as np
import pytest
import torch
import torchvision.transforms.v2 as v2
from PIL import Image

from weightscape.augmentations.draws import Draws
from weightscape.augmentations.operations import Operation
from weightscape.augmentations.policy import augmented

STRENGTH = {
    "affine": {"degrees": 25, "translate": 0.15, "scale": 0.25, "shear": 15},
    "elastic": {"alpha": 6.0, "sigma": 3.0},
    "erasing": {"probability": 0.9, "area": 0.3},
    "gaussian_noise": {"sigma": 0.2},
    "flip": {"horizontal": 0.5, "vertical": 0.5},
    "resample": {"size": 20},
}
NEUTRAL = {
    "affine": {"degrees": 0, "translate": 0, "scale": 0, "shear": 0},
    "elastic": {"alpha": 0.0, "sigma": 3.0},
    "erasing": {"probability": 0.0, "area": 0.3},
    "gaussian_noise": {"sigma": 0.0},
    "flip": {"horizontal": 0.0, "vertical": 0.0},
    "resample": {"size": 28},
}


def shape(count: int) -> torch.Tensor:
    """An L, whose moments tell every transformation apart."""
    image = torch.zeros(1, 28, 28)
    image[:, 6:22, 8:12] = 1
    image[:, 18:22, 8:20] = 1
    return image.expand(count, 1, 28, 28).contiguous()


def draws(count: int, seed: int = 3) -> Draws:
    return Draws(seed, torch.zeros(count, dtype=torch.int64), torch.arange(count))


def applied(name: str, values: dict, count: int = 64) -> torch.Tensor:
    return augmented(shape(count), draws(count), [Operation(name, values)])


@pytest.mark.parametrize("name", ["affine", "elastic", "erasing", "gaussian_noise"])
def test_every_image_of_a_batch_has_a_draw_of_its_own(name: str) -> None:
    images = applied(name, STRENGTH[name])
    assert len(torch.unique(images.flatten(1), dim=0)) >= 0.5 * len(images)
    assert images.min() >= 0 and images.max() <= 1


@pytest.mark.parametrize("name", STRENGTH)
def test_a_neutral_magnitude_changes_nothing(name: str) -> None:
    torch.testing.assert_close(applied(name, NEUTRAL[name]), shape(64), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", STRENGTH)
def test_an_image_does_not_depend_on_its_batch(name: str) -> None:
    policy = [Operation(name, STRENGTH[name])]
    whole = augmented(shape(20), draws(20), policy, sigma=0.1)
    rows = torch.tensor([3, 11])
    part = augmented(shape(2), Draws(3, torch.zeros_like(rows), rows), policy, sigma=0.1)
    torch.testing.assert_close(part, whole[rows], atol=1e-6, rtol=0)


def moments(images: np.ndarray) -> np.ndarray:
    """Mass, centre and second moments of each image [n, h, w]."""
    grid = np.arange(images.shape[-1]) - (images.shape[-1] - 1) / 2
    mass = images.sum((1, 2))
    y, x = images.sum(2) @ grid / mass, images.sum(1) @ grid / mass
    yy, xx = images.sum(2) @ grid**2 / mass, images.sum(1) @ grid**2 / mass
    xy = np.einsum("nij,i,j->n", images, grid, grid) / mass
    return np.stack([mass, y, x, yy, xx, xy], 1)


COUNT = 2000
"""Draws of each side of a comparison in distribution."""


def on_pil(transform: torch.nn.Module, image: torch.Tensor) -> np.ndarray:
    """Draws of torchvision's transform on one PIL image, in [0, 1]: [COUNT, h, w]."""
    torch.manual_seed(0)
    picture = Image.fromarray((image[0, 0].numpy() * 255).astype(np.uint8))
    return np.stack([np.asarray(transform(picture), float) / 255 for _ in range(COUNT)])


@pytest.mark.parametrize("kept", [list(NEUTRAL["affine"]), *([name] for name in NEUTRAL["affine"])], ids="+".join)
def test_affine_agrees_in_distribution_with_torchvision_on_pil_images(kept: list[str]) -> None:
    values = NEUTRAL["affine"] | {name: STRENGTH["affine"][name] for name in kept}
    theirs_of = v2.RandomAffine(
        values["degrees"],
        (values["translate"],) * 2,
        (1 - values["scale"], 1 + values["scale"]),
        values["shear"],
        interpolation=v2.InterpolationMode.BILINEAR,
    )
    theirs = moments(on_pil(theirs_of, shape(1)))
    ours = moments(applied("affine", values, COUNT)[:, 0].numpy().astype(float))
    error = np.sqrt(theirs.var(0) / COUNT + ours.var(0) / COUNT)
    assert (np.abs(theirs.mean(0) - ours.mean(0)) < 4 * error + 0.005 * np.abs(theirs.mean(0))).all()
    np.testing.assert_allclose(ours.std(0), theirs.std(0), rtol=0.12, atol=0.01)


@pytest.mark.slow
def test_elastic_agrees_in_distribution_with_torchvision_on_pil_images() -> None:
    values = STRENGTH["elastic"]
    theirs = moments(on_pil(v2.ElasticTransform(values["alpha"], values["sigma"]), shape(1)))
    ours = moments(applied("elastic", values, COUNT)[:, 0].numpy().astype(float))
    error = np.sqrt(theirs.var(0) / COUNT + ours.var(0) / COUNT)
    assert (np.abs(theirs.mean(0) - ours.mean(0)) < 4 * error + 0.005 * np.abs(theirs.mean(0))).all()
    np.testing.assert_allclose(ours.std(0), theirs.std(0), rtol=0.12)


def test_erasing_agrees_in_distribution_with_torchvision_on_pil_images() -> None:
    values = STRENGTH["erasing"]
    theirs_of = v2.RandomErasing(values["probability"], (0.0, values["area"]), (1.0, 1.0))
    theirs = 1 - on_pil(theirs_of, torch.ones(1, 1, 28, 28))
    images = augmented(torch.ones(COUNT, 1, 28, 28), draws(COUNT), [Operation("erasing", values)])
    ours = 1 - images[:, 0].numpy().astype(float)
    for reduced in (lambda x: x.mean((1, 2)), lambda x: x.mean(1), lambda x: x.mean(2)):
        left, right = reduced(ours), reduced(theirs)
        error = np.sqrt(left.var(0) / COUNT + right.var(0) / COUNT)
        assert (np.abs(left.mean(0) - right.mean(0)) < 4 * error).all()
        np.testing.assert_allclose(left.std(0), right.std(0), rtol=0.12)


def test_flips_are_mirrors_with_their_probability() -> None:
    images = applied("flip", {"horizontal": 0.3, "vertical": 0.0}, 1000)
    mirrored = (images == shape(1000).flip(3)).flatten(1).all(1)
    assert mirrored.float().mean() == pytest.approx(0.3, abs=0.05)
    assert ((images == shape(1000)).flatten(1).all(1) ^ mirrored).all()


def test_resampling_agrees_with_pillow() -> None:
    image = Image.fromarray((shape(1)[0, 0].numpy() * 255).astype("uint8"))
    small = image.resize((14, 14), Image.Resampling.BILINEAR).resize((28, 28), Image.Resampling.BILINEAR)
    theirs = torch.from_numpy(np.array(small)) / 255
    assert (applied("resample", {"size": 14}, 1)[0, 0] - theirs).abs().max() < 0.01
