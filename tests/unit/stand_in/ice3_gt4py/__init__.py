"""A stand-in for the physics, so that sessions can be tested in seconds and made to fail at will.

The variable STAND_IN names the misbehaviour, such as ``wrong-physics`` or ``fail-beta``.
"""
