"""Make the collision shapes of the embedded models that come with simkit.

Run it when `simkit.assets.embedded` or `simkit.assets.collision` change::

    python tools/ship_collision_shapes.py
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from simkit.assets import cache
from simkit.assets.library import load_library
from simkit.assets.options import ModelOptions


def main() -> None:
    """Decompose the embedded models into `simkit.assets.cache.SHIPPED`."""
    target = cache.SHIPPED / "collision"
    shutil.rmtree(target, ignore_errors=True)
    os.environ["SIMKIT_CACHE"] = str(cache.SHIPPED)
    library = load_library(ModelOptions())
    for name in library.names():
        print(f"{name}: {len(library.collision(name))} hulls")
    size = sum(path.stat().st_size for path in Path(target).glob("*.npz"))
    print(f"{target}: {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
