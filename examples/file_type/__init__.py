"""Tells which type a file has, by the model of the package magika."""
