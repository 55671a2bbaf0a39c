"""Random changes of the training images, a batch at a time."""
