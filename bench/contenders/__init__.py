"""The contenders; each folder is a small app as in its framework's documentation."""
