"""What all routes for people have in common: who asks, parameters, pages, entity tags, formats, the document."""
