"""What ``invoke`` finds in this checkout: the commands of ice3_bench."""

from ice3_bench.commands import namespace

__all__ = ["namespace"]
