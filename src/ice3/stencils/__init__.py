"""GT4Py stencils; each names its processes, the components of ``ice3`` build and call them."""
