"""`/admin`: what administrators see and change, and the audit log of their acts (docs/decisions/0045)."""
