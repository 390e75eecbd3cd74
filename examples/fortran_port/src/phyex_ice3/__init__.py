"""PHYEX's ICE_ADJUST and RAIN_ICE, built from a checkout and called on blocks of columns."""

from phyex_ice3.blocks import Blocks
from phyex_ice3.build import BuildError, Library, build
from phyex_ice3.components import COMPONENTS, Component
from phyex_ice3.library import LibraryError, Phyex, RefusedError
from phyex_ice3.options import SUPPORTED, namelists
from phyex_ice3.sources import SourceError
from phyex_ice3.tuning import MOST_COLUMNS, block_size, shortest

__all__ = [
    "COMPONENTS", "MOST_COLUMNS", "SUPPORTED", "Blocks", "BuildError", "Component", "Library", "LibraryError", "Phyex",
    "RefusedError", "SourceError", "block_size", "build", "namelists", "shortest",
]  # fmt: skip
