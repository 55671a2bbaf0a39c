"""What tries to break the api, by `make fuzz` and, in short, by the tests."""
