"""Augmentations of a batch on the device that holds it, with draws of each image's own."""
