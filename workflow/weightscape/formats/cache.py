"""Where downloads are kept, and that nothing but the stage `fetch` uses the network.

The folder is WEIGHTSCAPE_CACHE if that is set (on a cluster: a folder that all nodes see), else `weightscape` in the
user's cache folder. HF_HOME and TORCH_HOME, if set, stay where Hugging Face's libraries and torch keep theirs.
"""

import os
from pathlib import Path


def folder() -> Path:
    """The cache folder."""
    chosen = os.environ.get("WEIGHTSCAPE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weightscape"


def set_up(network: bool = False) -> Path:
    """Point the libraries that download to the cache, before they are imported; without `network` they stay offline.

    Hugging Face's are told so; timm asks torch for weights that have an address of their own, which look in TORCH_HOME.
    """
    os.environ.setdefault("HF_HOME", str(folder() / "huggingface"))
    os.environ.setdefault("TORCH_HOME", str(folder() / "torch"))
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.pop(name, None) if network else os.environ.update({name: "1"})
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    return folder()


def downloads() -> list[Path]:
    """The folders into which Hugging Face's libraries put files."""
    return [Path(os.environ.get("HF_HOME") or folder() / "huggingface"), folder()]
