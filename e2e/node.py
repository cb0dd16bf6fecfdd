"""What is written in JavaScript: each folder has a package.json and a lock file of its own."""

import subprocess
from pathlib import Path

E2E = Path(__file__).parent


def installed(name: str) -> Path:
    """The folder of this name, once what its lock file lists is in its node_modules.

    Packages may not run scripts of their own.

    Raises:
        CalledProcessError: npm cannot install it.
    """
    folder = E2E / name
    done = folder / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return folder
