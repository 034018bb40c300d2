"""Downloads the weights that timm names."""

from weightscape.data.fetch_settings import BackboneAsset
from weightscape.networks.pretrained import from_timm


def fetch(settings: BackboneAsset) -> dict[str, object]:
    """Fill the cache; facts: the number of tensors."""
    return {"tensors": len(from_timm(settings.model, network=True))}
