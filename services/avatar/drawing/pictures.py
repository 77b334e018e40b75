"""`python -m services.avatar.drawing.pictures` redraws the product pictures and the holding picture."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from services.avatar.drawing.holding import draw_holding
from services.avatar.drawing.products import PRODUCTS, draw_product

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    """Draw every picture again, where the configuration and playout look for them."""
    for product in PRODUCTS:
        picture = Image.fromarray(draw_product(product)[..., :3])
        picture.save(ROOT / "configs" / "images" / f"{product}.png", optimize=True)
    art = ROOT / "services" / "playout" / "art"
    art.mkdir(exist_ok=True)
    Image.fromarray(draw_holding()[..., :3]).save(art / "holding.jpg", quality=92, subsampling=0)


if __name__ == "__main__":
    main()
