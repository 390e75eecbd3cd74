"""Substeps of the time integration: the last two tendencies, and their length (PHYEX: ICE4_STEPPING; Riette 2020).

The functions ``..._transfers`` of the families add to the tendencies one after the other, in the Fortran's order.
"""

from gt4py.cartesian import gtscript

from ice3_gt4py.stencils.presence import above


@gtscript.function
def vapour_and_heat(lv, ls, vdeps, vdepg, revav, freezing):
    """Tendencies of vapour and of potential temperature; ``freezing`` is the liquid that freezes, s-1.

    ``lv`` and ``ls`` are L_v / (c_ph exner) and L_s / (c_ph exner), K.
    """
    return revav - vdepg - vdeps, (vdepg + vdeps) * ls - revav * lv + freezing * (ls - lv)


@gtscript.function
def exhaustion(step, content, change, tendency, smallest):
    """Shorten ``step`` to the time at which a species is used up."""
    time = -(change + content) / min(tendency, -1e-20)
    time = time if tendency < -1e-20 else step
    time = time if content > smallest else step
    return min(step, time)


@gtscript.function
def substep_length(
    remaining, exn, th, rv, rc, rr, ri, rs, rg, b_th, b_v, b_c, b_r, b_i, b_g,
    a_th, a_v, a_c, a_r, a_i, a_s, a_g,
):  # fmt: skip
    """Time until 0 deg C is crossed or a species is used up (PHYEX: ICE4_STEPPING; Riette 2020).

    b are instantaneous changes, a tendencies.
    """
    from __externals__ import RTMIN_C, RTMIN_G, RTMIN_I, RTMIN_R, RTMIN_S, RTMIN_V, SHORTEST, TT

    melting = TT / exn

    step = 0.0 if (th - melting) * (th + b_th - melting) < 0.0 else remaining
    rate = a_th if abs(a_th) > 1e-20 else 1.0
    crossing = (melting - b_th - th) / rate
    crossing = crossing if abs(a_th) > 1e-20 else step
    step = min(step, crossing) if crossing > 0.0 else step
    step = exhaustion(step, rv, b_v, a_v, RTMIN_V)
    step = exhaustion(step, rc, b_c, a_c, RTMIN_C)
    step = exhaustion(step, rr, b_r, a_r, RTMIN_R)
    step = exhaustion(step, ri, b_i, a_i, RTMIN_I)
    step = exhaustion(step, rs, 0.0, a_s, RTMIN_S)
    step = exhaustion(step, rg, b_g, a_g, RTMIN_G)
    return max(step, SHORTEST)


@gtscript.function
def change_limited(step, stopped, content, evaluated_content, change, tendency, has):
    """Shorten ``step`` to the time at which a mixing ratio has changed by XMRSTEP since the last evaluation.

    Rounding has no say in whether that time has passed, and in what comes first where it used to hold XMRSTEP.
    """
    from __externals__ import RESIDUE, XMRSTEP

    rate = tendency if abs(tendency) > 1e-20 else 1.0
    largest = XMRSTEP if rate > 0.0 else -XMRSTEP
    room = largest + evaluated_content - content
    time = (room - change) / rate
    exact_change = largest if abs(change - largest) <= RESIDUE * XMRSTEP else change
    passed = above(0.0, (room - exact_change) / rate)
    falling = has * above(evaluated_content, XMRSTEP * (1.0 + RESIDUE))  # of less it is used up first
    changes = above(abs(tendency), 1e-20) * max(falling, above(tendency, 0.0))
    counts = changes * (1.0 - passed) * above(step, time)
    return max(time, 0.0) if counts > 0.0 else step, max(stopped, counts)


@gtscript.function
def jumped(b_v, b_c, b_r, b_i, b_g):
    """Return 1 if an instantaneous change b exceeds XMRSTEP by more than rounding.

    All that freezes or melts of a species that has just grown from nothing to XMRSTEP equals it.
    """
    from __externals__ import RESIDUE, XMRSTEP

    largest = max(max(abs(b_v), abs(b_c)), max(abs(b_r), max(abs(b_i), abs(b_g))))
    return above(largest, XMRSTEP * (1.0 + RESIDUE))


@gtscript.function
def kept_content(left, before):
    """Content after a substep, of what it was ``before``: 0 if the species was used up and ``left`` is rounding."""
    from __externals__ import RESIDUE

    content = left if abs(left) > RESIDUE * before else 0.0
    return content


@gtscript.function
def landed(t):
    """Temperature after a substep: the melting point if the substep ended there but for rounding."""
    from __externals__ import LANDING, TT

    temperature = t if abs(t - TT) > LANDING else TT
    return temperature
