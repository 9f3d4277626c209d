"""What labels are, one form a file: how cells are read, what the model learns of them, how its answers are said.

`form.py` says what each form has; a kind of task (`foretext.tasks.kinds`) names the forms that its labels may have.
"""
