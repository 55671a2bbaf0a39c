"""Looks up every pin of the stack in a vulnerability database.

Runs pip-audit in an environment of its own (.run/audit). pip-audit passes if the database knows none of the packages;
here that is a failure. Exit codes: 1 a package is vulnerable, 2 a package couldn't be looked up.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOOL = "pip-audit==2.10.1"
# Installed without its dependencies, and therefore not in constraints.txt (scripts/setup.sh).
UNCONSTRAINED = ["nvidia-pytriton==0.7.0"]
VULNERABLE, UNPROVEN = 1, 2


def verdict(dependencies: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Return the exit code and the lines to print for pip-audit's report of each package."""
    skipped = [package for package in dependencies if "skip_reason" in package]
    lines = [
        f"{package['name']} {package['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'none'}"
        for package in dependencies
        for flaw in package.get("vulns", [])
    ]
    if lines:
        code = VULNERABLE
    elif skipped or not dependencies:
        code = UNPROVEN
    else:
        code = 0
    audited = len(dependencies) - len(skipped)
    lines.append(f"audit: {audited} of {len(dependencies)} packages audited, vulnerabilities: {len(lines)}")
    if skipped:
        lines.append(
            f"audit: {len(skipped)} packages aren't in the database ({skipped[0]['name']}, …) and were not audited. "
            "If PyPI is a mirror without vulnerability data, try --service osv."
        )
    return code, lines


def main() -> int:
    """Install pip-audit, run it, and print its findings."""
    parser = argparse.ArgumentParser(prog="scripts/audit.py", description="Audits constraints.txt.")
    parser.add_argument("--service", choices=["pypi", "osv"], default="pypi", help="the database; default: pypi")
    options = parser.parse_args()
    python = ROOT / ".run/audit/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
    subprocess.run([str(python), "-m", "pip", "--quiet", "install", TOOL], check=True)
    with tempfile.TemporaryDirectory() as folder:
        pins, found = Path(folder, "pins.txt"), Path(folder, "found.json")
        pins.write_text((ROOT / "constraints.txt").read_text() + "\n".join(UNCONSTRAINED) + "\n")
        flags = ["--requirement", str(pins), "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        argv = [str(python), "-m", "pip_audit", *flags, "--vulnerability-service", options.service]
        done = subprocess.run(
            [*argv, "--format", "json", "--output", str(found)], capture_output=True, text=True, check=False
        )
        if not found.exists() or not found.read_text():
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"audit: the vulnerability service ({options.service}) can't be reached: {last[:300]}")
            print("audit: nothing was audited")
            return UNPROVEN
        code, lines = verdict(json.loads(found.read_text())["dependencies"])
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
