"""A loss becomes better weights: objectives L1, L2 and L3, the optimizer, schedules, the loop, and the engine.

Knows batches and models, never tasks or corpora: a recipe hands it a function from update number to batch and,
if it wants, a `validate` callback. Import the modules themselves; `training.settings` does not load torch.
"""
