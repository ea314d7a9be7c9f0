"""How work runs: each part apart, in folders and processes of its own; what fails is set aside."""
