"""The demo: shows what an application, an operator and finance each see."""
