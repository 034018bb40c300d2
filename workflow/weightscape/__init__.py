"""Weightscape: how the diversity of training data shapes the weights of a neural network."""

__version__ = "0.1.0"
