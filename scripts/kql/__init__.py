"""The log queries of the product: parsed and bound by Microsoft's own language service, and run over sample rows."""
