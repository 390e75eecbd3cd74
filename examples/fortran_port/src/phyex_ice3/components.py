"""The components: which fields they have in PHYEX's layout, and the calls they make on some of the blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phyex_ice3.blocks import SPECIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phyex_ice3.blocks import Blocks
    from phyex_ice3.library import Phyex

    Fields = dict[str, NDArray[Any]]

FLUXES = {f"fpr_{species}": number for number, species in enumerate(SPECIES) if species != "v"}
"""Fluxes by name, with the number of their species."""
_STATE = {f"r{species}t": number for number, species in enumerate(SPECIES)}
_SOURCES = {f"r{species}s": number for number, species in enumerate(SPECIES)}


class Component:
    """A component on the fields of a domain.

    Parameters
    ----------
    fields
        Fields that exist already and are shared.

    Attributes
    ----------
    fields
        The fields by their names in the contract; views of the arrays of all species among them.
    """

    def __init__(self, blocks: Blocks, fields: Fields | None = None) -> None:
        self.blocks = blocks
        self.fields: Fields = {} if fields is None else fields
        self.prepare()

    def prepare(self) -> None:
        """Make the fields of the component."""
        raise NotImplementedError

    def allocate(self, names: tuple[str, ...], surface: tuple[str, ...] = ()) -> None:
        """Make the fields that are not there yet."""
        for name in names:
            if name not in self.fields:
                self.fields[name] = self.blocks.field(surface=name in surface)

    def of(self, *names: str) -> list[NDArray[Any]]:
        """Return some of the fields."""
        return [self.fields[name] for name in names]

    def call(self, phyex: Phyex, first: int, last: int, timestep: float) -> None:
        """Compute the blocks from number ``first`` to ``last``, counted from 1."""
        raise NotImplementedError


class IceAdjust(Component):
    """ICE_ADJUST; with ``adjusted_state`` also its optional outputs, the adjusted state."""

    adjusted_state = False
    species = 1

    def prepare(self) -> None:
        """Make the fields."""
        self.allocate(
            (
                *("sigqsat", "exnref", "rhodref", "sigs", "pabs", "zz", "exn", "cf_mf", "rc_mf", "ri_mf"),
                *("weight_mf_cloud", "rv", "rc", "ri", "rr", "rs", "rg", "rvs", "rcs", "ris", "th", "ths", "srcs"),
                *("cldfr", "hlc_hrc", "hlc_hcf", "hli_hri", "hli_hcf"),
            ),
            ("sigqsat",),
        )
        if self.adjusted_state:
            self.allocate(("out_rv", "out_rc", "out_ri", "out_th"))

    def call(self, phyex: Phyex, first: int, last: int, timestep: float) -> None:
        """Compute some of the blocks."""
        with_srcs = True
        sizes = (self.blocks.size, self.blocks.domain[2], self.species, first, last, self.adjusted_state, with_srcs)
        unused = self.fields["th"]  # stands for absent outputs
        arrays = self.of(
            *("sigqsat", "exnref", "rhodref", "sigs", "pabs", "zz", "exn", "cf_mf", "rc_mf", "ri_mf"),
            *("weight_mf_cloud", "rv", "rc", "rvs", "rcs", "th", "ths", "srcs", "cldfr", "rr", "ri", "ris", "rs", "rg"),
        )
        arrays += [self.fields.get(name, unused) for name in ("out_rv", "out_rc", "out_ri", "out_th")]
        phyex.adjust(sizes, timestep, [*arrays, *self.of("hlc_hrc", "hlc_hcf", "hli_hri", "hli_hcf")])


class AdjustedState(IceAdjust):
    """ICE_ADJUST with the adjusted state among its outputs."""

    adjusted_state = True


class RainIce(Component):
    """RAIN_ICE; with ``fluxes`` also its optional output, the fluxes through each layer."""

    fluxes = False

    def prepare(self) -> None:
        """Make the fields."""
        self.fields["water"], self.fields["sources"] = self.blocks.water(), self.blocks.water()
        self.fields.update({name: self.fields["water"][:, number] for name, number in _STATE.items()})
        self.fields.update({name: self.fields["sources"][:, number] for name, number in _SOURCES.items()})
        self.fields["flux"] = self.blocks.water() if self.fluxes else self.fields["sources"]
        if self.fluxes:
            self.fields.update({name: self.fields["flux"][:, number] for name, number in FLUXES.items()})
        surface = ("sea", "town", "inprc", "inprr", "inprs", "inprg", "indep")
        self.allocate(
            (*surface, "exn", "dzz", "rhodref", "exnref", "pabs", "sigs", "tht", "cit", "ths", "evap3d"), surface
        )

    def call(self, phyex: Phyex, first: int, last: int, timestep: float) -> None:
        """Compute some of the blocks."""
        sizes = (self.blocks.size, self.blocks.domain[2], first, last, self.fluxes)
        names = ("exn", "dzz", "rhodref", "exnref", "pabs", "sigs", "sea", "town", "tht", "water", "cit", "ths")
        outputs = ("sources", "evap3d", "inprc", "inprr", "inprs", "inprg", "indep", "flux")
        phyex.precipitate(sizes, timestep, self.of(*names, *outputs))


class Fluxes(RainIce):
    """RAIN_ICE with the fluxes among its outputs."""

    fluxes = True


class Microphysics(Component):
    """The chain: ICE_ADJUST, then RAIN_ICE on the adjusted state."""

    def prepare(self) -> None:
        """Make the fields."""
        self._rain = RainIce(self.blocks, self.fields)
        shared = {"rr": "rrt", "rs": "rst", "rg": "rgt"}
        self.fields.update({name: self.fields[other] for name, other in shared.items()})
        self._adjustment = IceAdjust(self.blocks, self.fields)
        self._adjustment.species = len(SPECIES)

    def call(self, phyex: Phyex, first: int, last: int, timestep: float) -> None:
        """Compute some of the blocks."""
        self._adjustment.call(phyex, first, last, timestep)
        sizes = (self.blocks.size, self.blocks.domain[2], first, last)
        phyex.apply(sizes, timestep, self.of("ths", "sources", "tht", "water"))
        self._rain.call(phyex, first, last, timestep)


COMPONENTS: dict[str, type[Component]] = {
    "ice_adjust": IceAdjust,
    "ice_adjust:adjusted_state": AdjustedState,
    "rain_ice": RainIce,
    "rain_ice:fluxes": Fluxes,
    "microphysics": Microphysics,
}
"""The components by their names in the matrix."""
