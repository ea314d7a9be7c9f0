"""Reads the Bicep of infra/ for tests and documentation, on machines that have no Bicep compiler.

Bicep's compiler (`az bicep build`) is the authority on what is valid and on what a deployment sends; compiler.py runs
it where this machine has one. The other modules only read the files: which parameters, resources, roles and settings
they declare, and what configuration alone decides. They know the part of the language that infra/ uses. Where they
differ from the compiler, the compiler is right.
"""
