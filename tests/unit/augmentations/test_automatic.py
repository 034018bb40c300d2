"""Operations against torchvision's at equal magnitudes; policies against torchvision's in distribution."""

import pytest
import torch
import torchvision.transforms as transforms
from torchvision.transforms.autoaugment import _apply_op
from torchvision.transforms.v2.functional import autocontrast

from weightscape.augmentations import automatic, photo
from weightscape.augmentations.draws import Draws
from weightscape.augmentations.operations import Operation
from weightscape.augmentations.policy import augmented

MAGNITUDES = {
    "ShearX": [-0.3, 0.11, 0.29],
    "ShearY": [-0.3, 0.11, 0.29],
    "TranslateX": [-7.4, 3.0, 9.9],
    "TranslateY": [-7.4, 3.0, 9.9],
    "Rotate": [-30.0, 10.0, 135.0],
    "Brightness": [-0.9, 0.1, 0.9],
    "Color": [-0.9, 0.1, 0.9],
    "Contrast": [-0.9, 0.1, 0.9],
    "Sharpness": [-0.9, 0.1, 0.9],
    "Posterize": [4.0, 6.0, 8.0],
    "Solarize": [0.0, 0.4, 1.0],
}
POLICIES = {
    "autoaugment": (transforms.AutoAugment(), {"policy": "imagenet"}),
    "randaugment": (transforms.RandAugment(), {"operations": 2, "magnitude": 9}),
    "trivialaugment": (transforms.TrivialAugmentWide(), {}),
    "augmix": (transforms.AugMix(), {"severity": 3, "width": 3}),
}


def photographs(count: int, side: int = 24) -> torch.Tensor:
    """Smooth colour images with an edge, uint8 [count, 3, side, side], all alike."""
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    image = torch.stack([0.2 + 0.6 * x, 0.3 + 0.5 * y, 0.4 + 0.3 * (x - y)])
    image[:, 6:14, 8:18] = torch.tensor([0.9, 0.15, 0.5]).view(3, 1, 1)
    return (image * 255).round().to(torch.uint8).expand(count, 3, side, side).contiguous()


def draws(count: int) -> Draws:
    return Draws(5, torch.zeros(count, dtype=torch.int64), torch.arange(count))


@pytest.mark.parametrize("name", photo.NAMES)
def test_operations_agree_with_torchvision_at_every_magnitude(name: str) -> None:
    images = photographs(3)
    magnitudes = torch.tensor(MAGNITUDES.get(name, [0.0, 0.0, 0.0]))
    ours = photo.apply(images / 255, torch.full((3,), photo.NAMES.index(name)), magnitudes)
    for image, magnitude, mine in zip(images, magnitudes.tolist(), ours, strict=True):
        value = magnitude * 255 if name == "Solarize" else magnitude
        theirs = _apply_op(image, name, value, transforms.InterpolationMode.NEAREST, None)
        off = (mine * 255 - theirs.float()).abs()
        # Theirs cuts each intermediate value to a whole grey level; a rotation may round a tie to another neighbour.
        allowed = 0.02 if name == "Rotate" else 0.0
        assert (off > 2).float().mean() <= allowed, off.max()


@pytest.mark.slow
@pytest.mark.parametrize("name", POLICIES)
def test_policies_agree_with_torchvision_in_distribution(name: str) -> None:
    """Mean and spread over 2,000 draws of what a policy does to one image, pixel by pixel."""
    theirs, values = POLICIES[name]
    count = 2000
    images = photographs(count)
    ours = augmented(images / 255, draws(count), [Operation(name, values)]) * 255
    torch.manual_seed(0)
    picture = transforms.functional.to_pil_image(images[0])
    reference = torch.stack([transforms.functional.pil_to_tensor(theirs(picture)) for _ in range(count)]).float()
    error = (ours.var(0) / count + reference.var(0) / count).sqrt()
    off = (ours.mean(0) - reference.mean(0)).abs()
    assert (off < 2.55 + 4 * error).all()  # 1 % of the scale: theirs cuts to whole grey levels after each operation
    torch.testing.assert_close(ours.std(0).mean(), reference.std(0).mean(), rtol=0.04, atol=0)


@pytest.mark.parametrize("name", POLICIES)
def test_an_image_does_not_depend_on_its_batch(name: str) -> None:
    images = photographs(16) / 255
    whole = augmented(images, draws(16), [Operation(name, POLICIES[name][1])])
    rows = torch.tensor([2, 9])
    part = augmented(images[:2], Draws(5, torch.zeros_like(rows), rows), [Operation(name, POLICIES[name][1])])
    torch.testing.assert_close(part, whole[rows])
    assert len(torch.unique(whole.flatten(1), dim=0)) > 4


def test_grey_images_pass_every_policy() -> None:
    images = photographs(8)[:, :1] / 255
    for name in POLICIES:
        assert augmented(images, draws(8), [Operation(name, POLICIES[name][1])]).shape == images.shape


def test_the_tables_are_torchvisions() -> None:
    for kind, bins, policy, arguments in (
        ("standard", 31, transforms.RandAugment(), (31, (24, 24))),
        ("wide", 31, transforms.TrivialAugmentWide(), (31,)),
        ("mix", 10, transforms.AugMix(), (10, (24, 24))),
    ):
        table = automatic.magnitude_table(bins, 24, 24, kind)
        for name, (magnitudes, signed) in policy._augmentation_space(*arguments).items():
            if magnitudes.ndim:
                scale = 255 if name == "Solarize" else 1
                torch.testing.assert_close(table[photo.NAMES.index(name)] * scale, magnitudes.float())
            assert signed == (name in photo.SIGNED)


def test_augmix_is_the_weighted_sum_of_its_chains() -> None:
    """The paper's algorithm, one image and one operation at a time."""
    images, count = photographs(6) / 255, 6
    images = (images + torch.linspace(0, 0.1, count).view(-1, 1, 1, 1)).clamp(0, 1)
    source = draws(count)
    ours = automatic.augmix(images, source, "s", severity=4, width=2)
    shares = -torch.log1p(-source.uniform("s/shares", 2))
    mixed, u = source.uniform("s/mixed", 1), source.uniform("s/chains", 2, 3, 3)
    depth = (source.uniform("s/depth", 2) * 3).long() + 1
    names = [name for name in photo.NAMES if name not in ("Identity", "Invert")]
    table = automatic.magnitude_table(10, 24, 24, "mix")
    for row in range(count):
        expected = (1 - mixed[row]) * images[row]
        for chain in range(2):
            content = images[row : row + 1]
            for a, b, c in u[row, chain, : depth[row, chain]].tolist():
                number = photo.NAMES.index(names[int(a * len(names))])
                magnitude = table[number, int(b * 4)] * (-1 if photo.NAMES[number] in photo.SIGNED and c < 0.5 else 1)
                content = photo.apply(content, torch.tensor([number]), magnitude.view(1))
            expected = expected + mixed[row] * shares[row, chain] / shares[row].sum() * content[0]
        torch.testing.assert_close(ours[row], expected, atol=1e-5, rtol=0)


def test_images_are_left_as_they_were() -> None:
    images = photographs(16) / 255
    before = images.clone()
    for name, (_, values) in POLICIES.items():
        augmented(images, draws(16), [Operation(name, values)])
    assert torch.equal(images, before)


def test_equalizing_and_stretching_agree_with_torchvision_on_noise_and_on_flat_channels() -> None:
    images = torch.randint(0, 256, (5, 3, 20, 20), dtype=torch.uint8)
    images[0, 1], images[1], images[2] = 7, images[1] // 64 * 64, images[2] // 100 + 77
    for name, theirs in (("Equalize", transforms.functional.equalize), ("AutoContrast", autocontrast)):
        numbers = torch.full((5,), photo.NAMES.index(name))
        ours = photo.apply(images / 255, numbers, torch.zeros(5))
        expected = theirs(images) / 255 if name == "Equalize" else theirs(images / 255)
        torch.testing.assert_close(ours, expected, atol=1e-6, rtol=0)
