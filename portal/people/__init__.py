"""The people of a tenant: members, invitations, tokens."""
