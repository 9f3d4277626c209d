"""The front door: one object for a model, and calls of one shape on top of the recipes, which do the work."""
