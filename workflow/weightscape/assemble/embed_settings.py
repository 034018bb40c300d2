"""Settings of the stage `embed`."""

from dataclasses import dataclass

from weightscape.networks.settings import NetworkSettings


@dataclass(frozen=True)
class EmbedSettings:
    """The network whose embeddings are made, and how many held-out images and images of pure noise it embeds."""

    network: NetworkSettings
    reference_rows: int
    noise_rows: int
