"""IceAdjust: saturation adjustment of vapour, cloud liquid and cloud ice (PHYEX: ICE_ADJUST with CONDENSATION)."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ice3_gt4py import constants, supported
from ice3_gt4py.autoconversion import ice_threshold_law
from ice3_gt4py.compilation import freeze
from ice3_gt4py.rounding import rounding_externals
from ice3_gt4py.stencils.ice_adjust import ice_adjust
from ice3_gt4py.stencils.thermodynamics import thermodynamic_externals
from ice3_gt4py.storages import check, is_one_row
from ice3_probe.contract import ICE_ADJUST, IceAdjustOptions, active

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Field, Shape

SECOND_ORDER_MOMENT = (
    0.0, 0.0, 2.0094444e-4, 3.16670e-4, 4.9965648e-4, 7.85956e-4, 1.2341294e-3, 1.93327e-3, 3.0190963e-3, 4.70144e-3,
    7.2950651e-3, 1.12759e-2, 1.7350994e-2, 2.65640e-2, 4.0427860e-2, 6.10997e-2, 9.1578111e-2, 0.135888, 0.1991484,
    0.230756, 0.2850565, 0.375050, 0.5, 0.691489, 0.8413813, 0.933222, 0.9772662, 0.993797, 0.9986521, 0.999768,
    0.9999684, 0.999997, 1.0, 1.0,
)  # fmt: skip
"""Second-order moment at Q1 = -11, -10.5, ... 5.5 (Bechtold et al. 1995)."""


def _moment_kinks() -> dict[str, float]:
    """Externals K00 ... K31: half the change of slope at the nodes 2 Q1 = -21 ... 10.

    The table is flat before the first node and after the last, so it is 1/2 + sum of K_n |2 Q1 - n|.
    """
    slopes = [high - low for low, high in pairwise(SECOND_ORDER_MOMENT)]
    return {f"K{number:02d}": 0.5 * (after - before) for number, (before, after) in enumerate(pairwise(slopes))}


def externals(options: IceAdjustOptions, build: Build, *, adjusted_state: bool = False) -> dict[str, Any]:
    """Constants and options under the names that the functions of the stencils use."""
    slope, intercept = ice_threshold_law(options)
    return {
        **thermodynamic_externals(build.precision),
        **rounding_externals(build.precision),
        **_moment_kinks(),
        "EPSILO": constants.RD / constants.RV,
        "OVER_EPSILO": constants.RV / constants.RD,
        "OVER_RV": 1.0 / constants.RV,
        "CRIAUTC": options.XCRIAUTC,
        "CRIAUTI": options.XCRIAUTI,
        "ACRIAUTI": slope,
        "BCRIAUTI": intercept,
        "TMAXMIX": options.XTMAXMIX,
        "TMINMIX": options.XTMINMIX,
        "SUBGRID": options.LSUBG_COND,
        "GAUSSIAN": options.CCONDENS == "GAUS",
        "LAMBDA3": options.CLAMBDA3 == "CB",
        "FRAC_S": options.CFRAC_ICE_ADJUST == "S",
        "FRAC_T": options.CFRAC_ICE_ADJUST == "T",
        "FRAC_O": options.CFRAC_ICE_ADJUST == "O",
        "MF_TRIANGLE": options.CSUBG_MF_PDF == "TRIANGLE",
        "STATNW": options.LSTATNW,
        "HEIGHT_QS": options.LSUBG_COND and options.LSTATNW and options.LHGT_QS,
        "CONDBORN": options.LCONDBORN,
        "WITH_SRCS": options.OCOMPUTE_SRC,
        "STATE_OUT": adjusted_state,
    }


class IceAdjust:
    """The saturation adjustment, built once for a domain and called with fields.

    Parameters
    ----------
    domain
        Points (i, j, k); level 0 is the model top.
    build
        Backend, precision and compiler arguments.
    options
        Values of PHYEX's options; those of its AROME test programs by default.
    adjusted_state
        Also write the adjusted state (``out_rv``, ``out_rc``, ``out_ri``, ``out_th``).

    Attributes
    ----------
    fields
        The fields that a call reads and writes, with names, units, dimensions and intent.

    Raises
    ------
    Unsupported
        If an option has a value that is not implemented.
    CompilationError
        If the stencil does not compile.
    """

    name = "ice_adjust"

    def __init__(
        self, domain: Shape, build: Build, options: IceAdjustOptions | None = None, *, adjusted_state: bool = False
    ) -> None:
        self.domain, self.build = domain, build
        options = options or IceAdjustOptions()
        supported.require_supported(options, supported.ICE_ADJUST)
        self.fields: tuple[Field, ...] = tuple(
            field
            for field in active(ICE_ADJUST, asdict(options))
            if adjusted_state or not field.name.startswith("out_")
        )
        stencil = build.stencil(ice_adjust, externals(options, build, adjusted_state=adjusted_state))
        origin = {field.name: (0,) * len(field.dims) for field in ICE_ADJUST}
        self._run = freeze(stencil, origin=origin, domain=domain)
        row = (domain[0] * domain[1], 1, domain[2])
        self._run_row = freeze(stencil, origin=origin, domain=row)
        self._names = tuple(field.name for field in self.fields)
        self._absent = {field.name: None for field in ICE_ADJUST if field not in self.fields}

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Adjust ``state`` in place over ``timestep`` seconds.

        Raises
        ------
        ValueError
            If a field is missing or has another shape, dtype or layout than the component was built for.
        """
        check(self.fields, state, self.domain, self.build)
        arguments = {name: state[name] for name in self._names}
        run = self._run_row if self.build.layout == "i-first" and is_one_row(arguments.values()) else self._run
        scalar = self.build.dtype.type
        run(**arguments, **self._absent, tstep=scalar(timestep), over_tstep=scalar(1.0 / timestep))
