"""Installs the tools of tests and benchmarks: Debian's as root, npm's and PyPI's in the cache.

Without the right to install, the script prints which tools are missing.

Usage: `python -m scripts.install_tools chromium turnserver`
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from tests.support.project.tools import NODE_MODULES, PYTHON_MODULES, Tool, may_install, missing

APT_GET = ("apt-get", "--quiet", "--option=Acquire::Retries=3", "--option=DPkg::Lock::Timeout=300")
#: Seconds for npm to install all modules, and for pip (ours).
NPM_TIMEOUT = PIP_TIMEOUT = 240
# npm removes modules that are missing in package.json, so it saves them in that of the cache.
NPM_INSTALL = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund")


def install_packages(tools: Sequence[Tool]) -> None:
    """Install the tools' Debian packages.

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


def install_modules(tools: Sequence[Tool]) -> None:
    """Install the tools' npm modules.

    Raises:
        subprocess.CalledProcessError: npm failed.
        subprocess.TimeoutExpired: npm found its registry out of reach, one module after the other.
        FileNotFoundError: There is no npm.
    """
    modules = dict.fromkeys(module for tool in tools for module in tool.modules)
    command = [*NPM_INSTALL, f"--prefix={NODE_MODULES.parent}", *modules]
    subprocess.run(command, check=True, timeout=NPM_TIMEOUT)


def install_distributions(tools: Sequence[Tool]) -> None:
    """Install the tools' packages of PyPI, where nothing but the peers finds them.

    Raises:
        subprocess.CalledProcessError: pip failed.
        subprocess.TimeoutExpired: pip found its index out of reach.
    """
    for target in dict.fromkeys(tool.target for tool in tools):
        here = [tool for tool in tools if tool.target == target]
        distributions = dict.fromkeys(name for tool in here for name in tool.distributions)
        command = [sys.executable, "-m", "pip", "install", "-qq", "--upgrade"]
        # Wheels alone can be installed for another Python.
        other = [f"--python-version={target.name.removeprefix('python')}", "--only-binary=:all:"]
        command += [f"--target={target}", *(other if target != PYTHON_MODULES else [])]
        subprocess.run([*command, *distributions], check=True, timeout=PIP_TIMEOUT)


def main(names: Sequence[str]) -> None:
    """Install the missing tools; tests report those that cannot be installed."""
    wanted = missing(names)
    packaged = [tool for tool in wanted if tool.packages]
    modular = [tool for tool in wanted if tool.modules]
    distributed = [tool for tool in wanted if tool.distributions]
    try:
        if packaged and may_install():
            install_packages(packaged)
        elif packaged:
            print("Not root on Debian, so nothing is installed. Missing:", file=sys.stderr)
            for tool in packaged:
                print(f"  {tool.how_to_get}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"apt-get exited with {error.returncode}; going on without", file=sys.stderr)
    try:
        if modular:
            install_modules(modular)
    except (subprocess.SubprocessError, FileNotFoundError) as error:
        print(f"npm: {error}; going on without", file=sys.stderr)
    try:
        if distributed:
            install_distributions(distributed)
    except subprocess.SubprocessError as error:
        print(f"pip: {error}; going on without", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
