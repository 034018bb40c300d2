"""The places of a network at which a dose may drop."""

DROPOUTS = ("head", "path", "attention", "mlp", "block")
