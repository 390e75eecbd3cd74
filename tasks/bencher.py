"""Tasks about Bencher: ``invoke bencher.check``, ``bencher.setup``, ``bencher.archive``."""
