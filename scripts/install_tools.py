"""Owns the installation of system tools: on Debian as root, elsewhere it says what is missing.

Usage: `python -m scripts.install_tools chromium turnserver`
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from tests.support.tools import Tool, may_install, missing

APT_GET = ("apt-get", "--quiet", "--option=Acquire::Retries=3", "--option=DPkg::Lock::Timeout=300")


def install(tools: Sequence[Tool]) -> None:
    """Install the tools' packages.

    Raises:
        subprocess.CalledProcessError: apt-get failed.
    """
    # Tests start servers themselves, on loopback: the packages' own services must not.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    services = [tool.service for tool in tools if tool.service is not None]
    if services and shutil.which("systemctl") is not None:
        subprocess.run(["systemctl", "mask", *services], check=False)
    packages = dict.fromkeys(package for tool in tools for package in tool.packages)
    subprocess.run([*APT_GET, "update"], check=True, env=quiet)
    subprocess.run(
        [*APT_GET, "install", "--yes", "--no-install-recommends", *packages], check=True, env=quiet
    )


def main(names: Sequence[str]) -> None:
    """Install what is missing; a tool that cannot be had is for the tests to report."""
    wanted = missing(names)
    if not wanted:
        return
    if may_install():
        try:
            install(wanted)
        except subprocess.CalledProcessError as error:
            print(f"apt-get exited with {error.returncode}; going on without", file=sys.stderr)
    else:
        print("Not root on Debian, so nothing is installed. Missing:", file=sys.stderr)
        for tool in wanted:
            print(f"  {tool.how_to_get}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
