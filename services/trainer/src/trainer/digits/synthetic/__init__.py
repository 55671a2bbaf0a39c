"""Images that MNIST lacks, drawn for the training: typed and European digits, and shapes that are no digit."""
