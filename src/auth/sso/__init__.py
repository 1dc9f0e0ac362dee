"""Single sign-on with OpenID Connect: authorisation code with PKCE (docs/decisions/0040)."""
