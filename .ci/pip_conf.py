"""Writes a pip configuration with which containers reach the same packages as pip does on this machine.

Takes over the settings of pip's files and environment. The certificate bundle is copied; an index or a folder of wheels
on this machine's disk is linked into a folder that is served to the containers, and named by its URL there.
"""

import argparse
import configparser
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
CARRIED = (
    "index-url",
    "extra-index-url",
    "find-links",
    "trusted-host",
    "proxy",
    "retries",
    "timeout",
    "default-timeout",
)


def pip_settings() -> dict[str, str]:
    """Return the output of `pip config list` as a dict; environment variables override files."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    entries = re.findall(r"^(:env:|global|install)\.([\w-]+)='(.*)'$", listing, flags=re.MULTILINE)
    rank = {"global": 0, "install": 1, ":env:": 2}
    return {key: value for _, key, value in sorted(entries, key=lambda entry: rank[entry[0]])}


def served(location: str, *, index: bool, folder: Path, url: str) -> str:
    """Return the served URL of a location on this disk; return any other location unchanged."""
    parts = urlsplit(location)
    if parts.scheme not in ("", "file"):
        return location
    # An index links to its files by relative paths, which may lead out of the index's folder into its parent.
    path = Path(unquote(parts.path)).absolute()
    top = path.parent if index else path
    link = folder / str(top).strip("/").replace("/", "-")
    if not link.is_symlink():
        link.symlink_to(top, target_is_directory=True)
    return f"{url}/{link.name}/{path.name}/" if index else f"{url}/{link.name}/"


def main() -> None:
    """Write pip.conf and ca-certificates.crt into the base image's build context."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=Path, required=True, help="folder that is served at --url")
    parser.add_argument("--url", required=True)
    parser.add_argument("--into", type=Path, required=True)
    arguments = parser.parse_args()

    settings = pip_settings()
    carried = {key: settings[key] for key in CARRIED if key in settings}
    for key in ("index-url", "extra-index-url", "find-links"):
        if key in carried:
            index = key != "find-links"
            locations = (
                served(location, index=index, folder=arguments.serve, url=arguments.url)
                for location in carried[key].split()
            )
            carried[key] = " ".join(locations)
    hosts = [*carried.get("trusted-host", "").split(), urlsplit(arguments.url).hostname or ""]
    carried |= {"cert": CERTIFICATES, "trusted-host": " ".join(hosts)}

    configuration = configparser.ConfigParser(interpolation=None)
    configuration["global"] = carried
    with (arguments.into / "pip.conf").open("w") as file:
        configuration.write(file)
    bundle = settings.get("cert") or ssl.get_default_verify_paths().cafile or CERTIFICATES
    shutil.copyfile(bundle, arguments.into / "ca-certificates.crt")


if __name__ == "__main__":
    main()
