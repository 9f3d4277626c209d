"""What is written another way than in the paper because it is faster so, one trick a file.

Beside each trick stands its plain version, `plain_…`: the equation itself in a few lines. A test compares the two.
The model's own files say what is computed, these how; nothing here knows the model. What torch promises nobody is named
in `operators.py` alone, with what stands in where a torch lacks it.
"""
