"""The commands that train the digit model and publish it to a Triton model repository."""
