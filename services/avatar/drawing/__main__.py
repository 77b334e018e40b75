"""`python -m services.avatar.drawing [--look NAME] [--out DIR]` redraws the built-in looks."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from services.avatar.drawing.compose import at_rest, save
from services.avatar.drawing.looks import HOSTS


def main() -> None:
    """Draws one look or all, and on request a picture of each at rest."""
    parser = argparse.ArgumentParser(prog="python -m services.avatar.drawing", description=__doc__)
    parser.add_argument("--look", choices=sorted(HOSTS), help="only this look")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "looks", help="folder for the looks"
    )
    parser.add_argument(
        "--preview", type=Path, help="also write a picture of each look at rest to this folder"
    )
    options = parser.parse_args()
    for name in [options.look] if options.look else list(HOSTS):
        save(HOSTS[name], options.out / name)
        print(f"drew {name} into {options.out / name}")
        if options.preview:
            options.preview.mkdir(parents=True, exist_ok=True)
            picture = np.clip(at_rest(options.out / name)[..., ::-1] * 255, 0, 255).astype(np.uint8)
            cv2.imwrite(str(options.preview / f"{name}.png"), picture)


if __name__ == "__main__":
    main()
