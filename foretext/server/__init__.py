"""Models that answer over HTTP: requests that come at once share a batch, and whoever asks too much is told so.

The parts that are installed by the extra `serve` (FastAPI, uvicorn, prometheus-client) are imported here alone.
"""
