"""Who is compared; each folder is a small app as its framework's documentation would have it."""
