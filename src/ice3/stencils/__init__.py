"""GT4Py stencils; each names its processes, the components of ``ice3`` build and call them."""

from ice3.compilation import import_gt4py

import_gt4py()
