"""Alerts: what goes wrong becomes one row per outage, and those who want to know are told.

kinds      the vocabulary: what each kind means, its cause, what to do
facts      what is wrong now, read from the rows of machines, links and workers
cutoff     whether the portal itself has lost its network
incidents  one row per outage: opened, seen again, closed when it heals, acknowledged
watching   compares facts with incidents, on signals and by the sweep
pacing     when to tell, and when to tell again (SYN-16)
windows    maintenance: recorded, and nobody is told before its end
channels   ways to tell: e-mail, webhook, services
routing    who wants to be told of what, over which channel
notices    what is due to be told becomes deliveries
deliveries rows that couriers carry out
digests    once a day, what is still wrong
"""
