"""What runs in the measured interpreter, whatever the port: contract, cases, accuracy, timing, worker.

It runs under Python 3.10 and NumPy 1.26, in the environment of the port that is measured, and imports nothing of the
harness. CuPy is imported inside the functions that only GPU cells call.
"""
