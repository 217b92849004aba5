"""The recipe that tests and trials run: two trainings, and their mean."""


def two_and_their_mean(first, second, mean=""):
    """A recipe in TOML; the arguments are further lines of its steps."""
    return f"""
[[step]]
name = "first"
[step.train]
mode = "pretrain"
{first}
[[step]]
name = "second"
[step.train]
init = "first/stage1.keras"
{second}
[[step]]
name = "half"
[step.blend]
first = "first/stage1.keras"
second = "second/stage2.keras"
share = 0.5
{mean}
"""
