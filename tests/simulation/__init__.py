"""Lives of the product, drawn from a seed: a small month in which runs overlap, die and meet stores that fail.

    python -m tests.simulation --seed N --lives M            drawn lives; a failure names the seed of its life
    python -m tests.simulation --seed N --lives 1            that life again
    python -m tests.simulation --each-call [--every K]       a trouble of each kind at each store call of each service

How it is laid out, for whoever adds to it:

- `month.py`  draws what callers do: events, when each is delivered, what the gateway's log says. New kinds of events
  and of deliveries go there.
- `world.py`  is the product over stores in memory or real ones, each service as its timer runs it. A new service gets a
  case in `World.run` and its name in `SERVICES`.
- `trouble.py` stands between services and stores: it may end a run at any store call, or let the call fail, with or
  without its effect. New kinds of failures go there.
- `oracle.py` says in a few lines what the books must hold in the end, from the month alone, and compares.
- `test_real_stores.py` is a shorter form over Redis, Azurite and the Cosmos DB emulator, whose faults are HTTP's.
- `lives.py`  puts them together: which services run when, with which trouble; then all trouble ends, every timer runs
  once more, and the oracle is asked.

Whatever is random comes from the seed of the life. No service is mocked, and no time is read.
"""
