"""Fuzzers: whatever comes from outside is read or refused with a reason; nothing unhandled, no nonsense accepted.

`python -m tests.fuzz NAME --minutes N [--seed S]` runs one for long, and names the seed of an attempt that fails:
`python -m tests.fuzz NAME --seed S --attempts 1` is that attempt again. The suite runs some hundred attempts of each.

A new fuzzer is a module here with one function `attempt(random)`, registered in `fuzzers.py`: it draws an input from
`random`, hands it to the product, lets the product's own refusals pass and asserts what holds for whatever it accepts.
`mutations.py` has what they share: values that readers stumble over, put anywhere into a document that is valid.
"""
