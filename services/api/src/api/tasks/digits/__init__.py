"""The digit task: images of handwritten digits in, digits out."""
