import base64
import json
from collections import Counter

from loadgen.samples import load_samples


def test_there_are_twenty_images_a_digit():
    samples = load_samples()
    assert Counter(sample.label for sample in samples) == dict.fromkeys(range(10), 20)
    for sample in samples:
        assert sample.png.startswith(b"\x89PNG")
        assert base64.b64decode(json.loads(sample.json_body)["image"]) == sample.png
