"""GT4Py stencils; each names its processes, the components of ``ice3_gt4py`` build and call them."""

from ice3_gt4py.toolchain import import_gt4py

import_gt4py()
