import subprocess
import sys
from pathlib import Path

import pytest

from modelrepo.errors import RepositoryLocked
from modelrepo.lock import exclusive

HOLDER = """
import sys
from pathlib import Path
from modelrepo.lock import exclusive
with exclusive(Path(sys.argv[1]), "testing"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_holds_the_lock_and_a_kill_releases_it(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RepositoryLocked, match="another trainer is changing"), exclusive(path, "changing"):
            pass
        holder.kill()
    with exclusive(path, "changing"):
        pass
