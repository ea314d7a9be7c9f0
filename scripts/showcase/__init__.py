"""The demo: what an application, an operator and finance each see."""
