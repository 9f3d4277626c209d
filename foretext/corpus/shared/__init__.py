"""The work of `prepare` in tasks, for text that outgrows one process or one machine; the corpus is the same.

    OUT.unfinished/job.json        what is to be done, which every task reads
    OUT.unfinished/tokenizer/      with what
    OUT.unfinished/encode/00003/   the units that task 3 has finished, as in `units.py`, and outcome.json, written last
    OUT.unfinished/done/encode/    by datatrove: a mark for each task that is done, its log and its times

A task has some files in a row, so that the order of documents stays whatever the number of tasks. A task is a pipeline
of datatrove, with its filters, run by its executor's base class. Who starts tasks is in `places.py` and `slurm.py`:
datatrove's own executors wait forever for a process that was killed, and the one for Slurm goes through a pickle file.
"""
