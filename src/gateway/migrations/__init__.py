"""Changes to what earlier releases stored in MongoDB: numbered steps, each applied once (docs/decisions/0028).

Rules for a step (`steps.py`):
- Its number is the next one. After a release, it keeps its number and its effect.
- It is idempotent, because an interrupted step starts again, and it works in batches.
- It runs before the rollout: replicas of the previous release run beside it, and go on writing what it changes. What
  they cannot read is stored one release later. What they write is read as before, or the step is repeated after the
  rollout.
"""
