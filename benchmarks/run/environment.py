"""What results were made with: versions, and the machine."""

import hashlib
import json
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from skmixup import __version__

from ..models.registry import MODELS

_ALWAYS = ("numpy", "scikit-learn")
_OURS = ("torch", "skorch")
_ALL = (*_ALWAYS, *_OURS, "scipy", "pandas", "joblib", "openml")


def versions_of(model):
    """Return the versions of what a model is made of.

    Parameters
    ----------
    model : Model

    Returns
    -------
    versions : dict of str -> str
    """
    packages = [*_ALWAYS, *model.packages]
    is_ours = model.stacks or model.searches
    if is_ours:
        packages += _OURS
    versions = {"python": platform.python_version(), **_versions(packages)}
    return versions | ({"skmixup": __version__} if is_ours else {})


@cache
def describe():
    """Return an environment stamp.

    Returns
    -------
    stamp : dict
        Versions, the machine's kind and number of cores, the commit of this code where
        it is a checkout, and an `id` made from all of that.
    """
    peers = [name for model in MODELS.values() for name in model.packages]
    stamp = {
        "python": platform.python_version(),
        **_versions((*_ALL, *peers)),
        "skmixup": __version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "commit": _commit(),
    }
    content = json.dumps(stamp, sort_keys=True).encode()
    return {"id": hashlib.sha256(content).hexdigest()[:12]} | stamp


def _versions(packages):
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor():
    """Return the processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()


def _commit():
    """Return the commit of this checkout, and whether files have been changed."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except OSError:
        return None
    return done.stdout.strip() or None
