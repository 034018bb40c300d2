"""Averaged copies (EMA) that stand beside the weights in one state dict, under an opening of their own.

As of ema_pytorch (`ema_model.`), latent diffusion (`model_ema.`, whose names have lost their dots), or bare (`ema.`).
"""

import re
from collections.abc import Mapping

from weightscape.formats.lazy_tensors import Cut

AVERAGED = re.compile(r"(^|[._])ema([._]|$)", re.IGNORECASE)
WRAPPERS = "_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module"
"""Words that compiling, sharding and recomputing put into names."""
Sources = Mapping[str, tuple[Cut, str]]


def with_averages(sources: Sources) -> tuple[Sources, list[str]]:
    """The same with averaged copies in place of the weights that they average, and a sentence that says so."""
    openings = dict.fromkeys(name.partition(".")[0] for name in sources if "." in name)
    averaged = [opening for opening in openings if AVERAGED.search(opening)]
    if len(averaged) != 1:
        return sources, []
    [ours] = averaged
    others = [name for name in sources if not name.startswith(f"{ours}.")]
    for opening in ("", *(f"{other}." for other in openings if other != ours)):
        twins = _twins(sources, ours, [name for name in others if name.startswith(opening)], opening)
        if twins:
            taken = {name: sources[twins.get(name, name)] for name in others}
            key = f" (--key {opening[:-1]} for those)" if opening else ""
            note = f"averaged weights, under {ours}, are read in place of those beside them{key}"
            return taken, [note]
    return sources, []


def _twins(sources: Sources, ours: str, names: list[str], opening: str) -> dict[str, str]:
    """The averaged copy of each of `names`; none where a matrix among the averages has no counterpart."""
    flat = {_flat(name.removeprefix(opening)): name for name in names}
    found = {}
    for name, (source, inner) in sources.items():
        if name.startswith(f"{ours}."):
            twin = flat.get(_flat(name.removeprefix(f"{ours}.")))
            shape = tuple(source.shapes[inner])
            if twin is not None and tuple(sources[twin][0].shapes[sources[twin][1]]) == shape:
                found[twin] = name
            elif len(shape) > 1:
                return {}
    return found


def _flat(name: str) -> str:
    """A name without its dots and the wrappers before it."""
    return re.sub(rf"^(module|{WRAPPERS})+", "", name.replace(".", ""))
