"""PHYEX's own data: the files of its offline test programs, and dwarf-p-ice3's netCDF copies of them."""
