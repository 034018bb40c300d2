"""Which sizes of images the network of the diffusion model that is trained here can take."""

from collections.abc import Sequence

from weightscape.errors import UserError


def check(patch: int, channels: Sequence[int], height: int, width: int) -> None:
    """Refuse images that the patch and the resolutions of the network do not divide."""
    unit = patch * 2 ** (len(channels) - 1)
    if height % unit or width % unit:
        raise UserError(
            f"images are {height} x {width} pixels, but generate.model.patch = {patch} and {len(channels)} "
            f"generate.model.channels need multiples of {unit}: lower one of them, or change the size of the images"
        )
