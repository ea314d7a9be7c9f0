"""One module for each section of the pages: asks the API, and arranges the answers."""
