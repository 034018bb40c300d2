"""Downloads a pipeline of diffusers, or checks the folder of one: no more than the files that it loads."""

from weightscape.data.fetch_model import facts_of
from weightscape.data.fetch_settings import PipelineAsset


def fetch(settings: PipelineAsset) -> dict[str, object]:
    """Fill the cache, unless the pipeline is a folder; facts: its revision and the digests of its files."""
    return facts_of(settings, lambda: _download(settings))


def _download(settings: PipelineAsset) -> str:
    """One variant of the weights of each part, and no checkpoints of other programs."""
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline

    unused = {} if settings.safety_checker else {"safety_checker": None}
    folder = DiffusionPipeline.download(
        settings.model, revision=settings.revision, variant=settings.variant, use_safetensors=True, **unused
    )
    return str(folder)
