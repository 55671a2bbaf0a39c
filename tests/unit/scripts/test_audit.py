import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/audit.py"


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SOUND = {"name": "sound", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI and could not be audited: unknown (1.0)"}
FLAWED = {"name": "flawed", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}


@pytest.mark.parametrize(
    "found,code", [([SOUND], 0), ([SOUND, FLAWED], 1), ([FLAWED, UNKNOWN], 1), ([SOUND, UNKNOWN], 2), ([], 2)]
)
def test_only_a_package_that_was_looked_up_passes(audit, found, code):
    assert audit.verdict(found)[0] == code


def test_what_is_vulnerable_is_named_with_its_remedy(audit):
    lines = audit.verdict([SOUND, FLAWED])[1]
    assert lines == [
        "flawed 1.0: PYSEC-1, fixed in 1.1",
        "audit: 2 of 2 packages audited, vulnerabilities: 1",
    ]
