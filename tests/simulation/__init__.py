"""Lives of the product, drawn from a seed: a small month in which runs overlap, die and meet stores that fail.

    python -m tests.simulation --seed N --lives M            drawn lives; a failure names the seed of its life
    python -m tests.simulation --seed N --lives 1            that life again
    python -m tests.simulation --each-call [--every K]       a trouble of each kind at each store call of each service
    python -m tests.simulation.histories --seed N --histories M    histories of the usage path alone

How it is laid out, for whoever adds to it:

- `month.py`  draws what callers do: events, when each is delivered, what the gateway's log says; and what the operator
  does. New kinds of events, of deliveries and of commands go there.
- `world.py`  is the product over stores in memory or real ones: the timers (deliver, replay, settle, post, audit,
  publish, close) and the operator's commands (apply, true-up, correct). A new service gets a case in `World.run` and
  its name in `TIMERS` or `COMMANDS`.
- `operator.py` runs each command until it is answered, and knows what the answers say was accepted.
- `priced.py` is what rates the usage: two processes of the product, each with what it remembers of the configuration.
- `trouble.py` stands between services and stores: it may end a run at any store call, or let the call fail, with or
  without its effect. New kinds of failures go there.
- `oracle.py` says in a few lines what the books must hold in the end, from the month and the answers alone.
- `test_real_stores.py` is a shorter form over Redis, Azurite and the Cosmos DB emulator, with kills and faults.
- `histories.py` is the usage path alone, with phases, polls by others, recoveries, flushes, a Redis or Cosmos DB that
  goes back, and deliveries days late.
- `lives.py`  puts them together: which services run when, with which trouble; then all trouble ends, every timer runs
  once more, and the oracle is asked.

Whatever is random comes from the seed of the life. No service is mocked, and no time is read.
"""
