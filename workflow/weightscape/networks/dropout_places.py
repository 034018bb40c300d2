"""The places of a network at which a dose may drop."""

TIMM_ARGUMENTS = {"head": "drop_rate", "path": "drop_path_rate", "attention": "attn_drop_rate", "mlp": "proj_drop_rate"}
"""The places at which timm's networks can drop, with timm's own argument: before the head, whole residual branches
(stochastic depth), attention weights, and the outputs of projections and MLPs."""
DROPOUTS = (*TIMM_ARGUMENTS, "block")
"""All places; `block` is the output of each residual block, after which this package adds a dropout."""
OFFERED_BY_ALL = ("head", "path")
"""The places that timm offers for every network."""
