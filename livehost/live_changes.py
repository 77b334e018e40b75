"""The product changes that were kept, laid over the catalogue as its file is now.

The file may have been edited since: a change that does not fit it any more is left out and told, for a room
must not stay dark because of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from livehost.catalog import Catalog, CatalogProblems
from livehost.store.protocol import ProductChange


def with_kept_changes(
    catalog: Catalog, changes: Mapping[str, ProductChange]
) -> tuple[Catalog, tuple[str, ...]]:
    """The catalogue with every change that fits it, and why others were left out."""
    left_out: list[str] = []
    for product, change in changes.items():
        try:
            catalog = catalog.with_changes({product: change.values}, {product: change.version})
        except CatalogProblems as error:
            left_out.append(str(error))
    return catalog, tuple(left_out)
