"""What a trial that is starting does at the moment, told to its driver.

The notes are in Ray's own store, since a trial has no other way to say a word before its first
result, and may be on another node.
"""

from __future__ import annotations

__all__ = ["forget_stage", "report_stage", "reported_stage"]

NAMESPACE = b"ttt_rllib"


def report_stage(trial_id: str, stage: str) -> None:
    """Note what a trial is doing, in the words that will be shown; without Ray, do nothing."""
    import ray
    from ray.experimental.internal_kv import _internal_kv_put

    if ray.is_initialized():
        _internal_kv_put(_key(trial_id), stage.encode(), namespace=NAMESPACE)


def reported_stage(trial_id: str) -> str | None:
    """Return what a trial of this driver has noted; None if it has not."""
    from ray.experimental.internal_kv import _internal_kv_get

    stage = _internal_kv_get(_key(trial_id), namespace=NAMESPACE)
    return stage.decode() if stage is not None else None


def forget_stage(trial_id: str) -> None:
    """Remove the note of a trial of this driver."""
    from ray.experimental.internal_kv import _internal_kv_del

    _internal_kv_del(_key(trial_id), namespace=NAMESPACE)


def _key(trial_id: str) -> bytes:
    import ray

    # Trials of other drivers have the same numbers.
    return f"{ray.get_runtime_context().get_job_id()}/{trial_id}".encode()
