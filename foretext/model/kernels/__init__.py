"""What is written another way than in the paper because it is faster so, one trick a file.

Beside each trick stands its plain version, `plain_…`: the equation itself in a few lines. A test compares the two.
Nothing here knows the model; the model's own files say what is computed, these how.
"""
