"""Links between the holders of a cluster's replicas: keys, frames, messages, server, client, table.

Pure asyncio and asyncssh; no Django. Storage and people's logins come in through the protocols of `peer`.
"""
