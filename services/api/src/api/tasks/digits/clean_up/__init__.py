"""From the pixels of any picture to the digit in it, in MNIST's form.

``find.py`` has the order of the steps; each other module is one of them.
"""

from api.tasks.digits.clean_up.find import Found, find_digit

__all__ = ["Found", "find_digit"]
