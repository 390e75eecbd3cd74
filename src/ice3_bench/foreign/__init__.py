"""Results of other benchmark suites, brought into the local history as series of their own."""
