"""Names the species of an iris, by a model of scikit-learn."""
