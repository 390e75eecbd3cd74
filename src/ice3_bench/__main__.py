"""``python -m ice3_bench``: the program ``ice3-bench``."""

from ice3_bench.commands import program

if __name__ == "__main__":
    program.run()
