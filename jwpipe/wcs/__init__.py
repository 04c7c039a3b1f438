"""Coordinates: transforms from pixels to the sky and back, compiled, and their form in ASDF trees.

`transforms` has one class a kind of transform, `program` compiles them for `jwpipe.cext.wcs`, `tree` reads and writes
them as gwcs objects, `foreign` asks others about what is not known here. `Wcs` is what products have. One module a kind
of instrument mode builds the steps from references (`imaging`), of what all modes have in common (`pointing`).
"""

from jwpipe.wcs.pixelmap import PixelMap
from jwpipe.wcs.wcs import Wcs, read_wcs_file

__all__ = ["PixelMap", "Wcs", "read_wcs_file"]
