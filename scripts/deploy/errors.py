"""What the deployment scripts raise: a sentence for the operator, who sees nothing else of it."""


class DeployError(Exception):
    """str() says what is wrong and what to do about it; it never holds a secret."""
