"""The local history in formats of other programs: tables, metrics of Prometheus, files of other benchmark tools."""
